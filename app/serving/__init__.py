"""The live model: one immutable value in memory that requests read, and the one reference that is swapped."""
