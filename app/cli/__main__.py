"""``python -m app.cli`` is ``foldin``."""

from app.cli import main

main()
