"""The geometry of charts: axes, lines, bars."""
