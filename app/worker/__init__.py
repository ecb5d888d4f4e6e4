"""The trainer: a loop that trains when it is due or asked for."""
