"""From readings to a shape, to a rate with bounds; and when to stop replaying."""
