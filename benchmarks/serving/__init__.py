"""How fast answers are."""
