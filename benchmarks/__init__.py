"""Measurements; each module has ``rows()``."""
