"""What a chart shows: series, labels, budgets, axes and what is left out, made from results.

The HTML report turns these models into SVG and the plots into matplotlib's artists; neither decides what is shown.
"""
