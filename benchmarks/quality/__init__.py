"""Recommendation quality on public data, by published protocols; `python -m benchmarks.quality` prints the tables."""
