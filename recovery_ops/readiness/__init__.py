"""Knowing beforehand: what would stop a recovery today, how old the newest recoverable state is, what it would take."""
