"""The use cases, a file each: they join the store, the live model and the mathematics, and know nothing of HTTP."""
