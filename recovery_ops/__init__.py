"""Bring AI pipelines back after a disaster, and prove that they are back."""

__version__ = "0.1.0"
