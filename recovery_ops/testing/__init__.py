"""Fakes and builders for tests, shipped with the library."""
