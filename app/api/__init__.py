"""The HTTP edge: what comes in is checked, what goes out is shaped; what happens in between is in ``app.services``."""
