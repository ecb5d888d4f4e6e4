"""Runs a document's commands as its reader would: every bash block under a comment ``<!-- run: its name -->``."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^<!-- run: (?P<name>[^\n]+?) -->\n+```bash\n(?P<script>.*?)^```$(?:\n+```json\n(?P<answer>.*?)^```$)?",
    re.DOTALL | re.MULTILINE,
)
_CURL_SETTINGS = "fail-with-body\nsilent\nshow-error\nmax-time = 30\n"


@dataclass(frozen=True)
class Block:
    """Commands of a document, and the JSON that it shows below them as their answer, if it does."""

    name: str
    script: str
    answer: str | None

    def run(self, directory: Path, environment: Mapping[str, str], *, instead: Mapping[str, str]) -> str:
        """Run the commands in bash, where any failure and any HTTP error of curl is a failure.

        Parameters
        ----------
        directory : Path
            Where to run, with room for a file of curl's settings.
        environment : mapping of str to str
            The environment.
        instead : mapping of str to str
            What to put in place of which text: the address of the test's server for the document's, say.

        Returns
        -------
        str
            What the commands printed.
        """
        (directory / ".curlrc").write_text(_CURL_SETTINGS)
        script = self.script
        for written, meant in instead.items():
            script = script.replace(written, meant)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=directory,
            env={**environment, "CURL_HOME": str(directory)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{self.name} ended with {done.returncode}:\n{script}{done.stdout}{done.stderr}"
        return done.stdout


def marked_blocks(markdown: str) -> list[Block]:
    """Find the blocks to run.

    Parameters
    ----------
    markdown : str
        A document.

    Returns
    -------
    list of Block
        In the document's order.
    """
    return [Block(**found.groupdict()) for found in _BLOCK.finditer(markdown)]


def difference(shown: object, given: object, at: str = "the answer") -> str | None:
    """Compare an answer with the one that a document shows: the same names and kinds, whatever the values.

    Parameters
    ----------
    shown : object
        The document's JSON, whose lists may be shortened.
    given : object
        The JSON that came.
    at : str
        The place, for the message.

    Returns
    -------
    str or None
        The first difference in words.
    """
    if isinstance(shown, dict) and isinstance(given, dict):
        if shown.keys() != given.keys():
            return f"{at} has {sorted(given)} and not {sorted(shown)}"
        pairs = [(f"{at}.{name}", shown[name], given[name]) for name in shown]
    elif isinstance(shown, list) and isinstance(given, list):
        if len(given) < len(shown):
            return f"{at} has {len(given)} entries and not {len(shown)}"
        pairs = [(f"{at}[{n}]", entry, given[n]) for n, entry in enumerate(shown)]
    else:
        return None if _kind(shown) is _kind(given) else f"{at} is {given!r} and not like {shown!r}"
    return next((found for place, one, other in pairs if (found := difference(one, other, place))), None)


def _kind(value: object) -> type:
    return float if type(value) is int else type(value)
