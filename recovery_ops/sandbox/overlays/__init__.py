"""Behaviour that moto lacks, one service a file.

Every module has ``install(world)``; it asserts that each symbol of moto it patches exists, so that an upgrade of moto that
moves one fails at start and not in the middle of a drill.
"""
