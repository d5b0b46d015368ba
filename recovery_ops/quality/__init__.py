"""Probes that judge restored data and models; every one returns checks and none knows a kind or a run."""
