"""Protection: consistent recovery points, taken while the system is well and judged before they are trusted."""
