"""The report: one HTML file that asks nobody for anything."""
