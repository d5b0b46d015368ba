"""Frozen values that every layer shares. Imports nothing but errors."""
