"""The command line, a file for each group of commands; ``foldin --help`` loads none of what the commands need."""

import sys


def main() -> None:
    """Run ``foldin``: exit code 0 for done, 1 for a failure in one line on stderr, 2 for a wrong call."""
    from app.cli.application import app
    from app.errors import FoldinError

    try:
        app()
    except FoldinError as error:
        sys.exit(f"foldin: {error}")
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has left, so nobody is there to be told
        sys.exit(1)
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        sys.exit(f"foldin: {error.strerror or error}{place}")
