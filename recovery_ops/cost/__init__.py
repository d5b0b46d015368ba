"""What protection costs: a dated price table, and bills made from it. Pure; asks nobody."""
