"""SQL and model artifacts: everything that outlives a process. No use case and no HTTP lives here."""
