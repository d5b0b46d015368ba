"""The record of runs: an append-only, hash-chained event log in an object store, claims, and views of it."""
