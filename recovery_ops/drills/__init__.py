"""Drills: the same plan and the same code as a real run, held apart from production; their calendar and findings."""
