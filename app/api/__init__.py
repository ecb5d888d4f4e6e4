"""The HTTP edge: what comes in is checked, what goes out is shaped; what happens in between is in ``app.services``."""

from app.leaving_out import load_without

# It would write tracebacks with Rich, which would show variables; Rich and what it loads are 79 modules and 3 MB.
load_without("rich", "structlog")
