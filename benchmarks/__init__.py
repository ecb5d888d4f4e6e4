"""Measurements: each module prints one table, and says on what it was measured."""
