"""Whether a region is lost: signals from outside, a quorum, and what follows from it by policy."""
