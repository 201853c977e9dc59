"""The geometry of charts: axes, lines, bars. For the HTML report, and as far as they agree for the plots."""
