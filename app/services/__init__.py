"""Use cases, a file each: what Foldin does, whoever asks for it. No HTTP and no SQL statement lives here."""
