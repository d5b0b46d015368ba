"""Route 53 as recoveries need it: checked record changes, health checks that look, answers that follow."""
