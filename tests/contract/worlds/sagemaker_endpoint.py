"""The standby serves an older model on fewer instances."""

COMPONENT = "scoring"
