"""Faults made on purpose, many times over: ``python -m tests.chaos SCENARIO --seed N --cycles N``."""
