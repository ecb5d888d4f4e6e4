"""Foldin as another release has it, in a virtual environment of its own: the one before this, and one that may follow.

The one before is the newest tag, or where nothing is tagged the commit before the newest migration. The one that
may follow is this one with what a release may do to a store and to model versions: columns and a table are added, and
the format of the files has the next number.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LOCK = "requirements.lock"
_KEPT = ROOT / ".venv" / "releases"  # with their compiled kernels, which take longer than all else
_ADDING = '''"""What the next release adds; renaming is what it may not do."""
import os
import sqlalchemy as sa
from alembic import op
from app.storage.schema import metadata

revision, down_revision, branch_labels, depends_on = "{next:04}", "{head:04}", None, None

def upgrade():
    for table in metadata.sorted_tables:
        op.add_column(table.name, sa.Column("added_later", sa.String(), server_default="later", nullable=False))
    op.create_table("made_later", sa.Column("id", sa.BigInteger(), primary_key=True))
    if "FOLDIN_TEST_CONTRACTS" in os.environ:
        op.execute("ALTER TABLE ratings RENAME COLUMN timestamp TO rated_at")
'''


class NoReleaseError(Exception):
    """There is no earlier release here; the message says why."""


@dataclass(frozen=True)
class Release:
    """How its processes are started."""

    python: Path
    folder: Path

    def start(self, *arguments: str, settings: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a command that goes on."""
        with log.open("ab") as output:
            return subprocess.Popen(
                self._command(arguments), env=_environment(settings), cwd=self.folder, stdout=output, stderr=output
            )

    def run(self, *arguments: str, settings: Mapping[str, str]) -> None:
        """Run a command to its end."""
        done = subprocess.run(
            self._command(arguments),
            env=_environment(settings),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [str(self.python), "-m", "app.cli", *arguments]


PRESENT = Release(Path(sys.executable), ROOT)


def previous_release() -> Release:
    """Take the release before this one out of the repository's history.

    Returns
    -------
    Release
        With the dependencies that it was locked to.

    Raises
    ------
    NoReleaseError
        If the history does not hold it, as in a shallow clone.
    """
    commit = _previous_commit()
    folder = _KEPT / commit[:12]
    if not folder.exists():
        _KEPT.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_KEPT) as place, tarfile.open(fileobj=BytesIO(_archived(commit))) as files:
            files.extractall(place, filter="data")
            _make_environment(Path(place), folder)
            try:
                Path(place).rename(folder)
            except OSError:
                assert folder.exists()  # another test was faster
            Path(place).mkdir(exist_ok=True)
    return Release(folder / "env" / "bin" / "python", folder)


def next_release(folder: Path) -> Release:
    """Make a release that may follow this one; of this one it takes all that it does not change.

    Parameters
    ----------
    folder : Path
        An empty one.

    Returns
    -------
    Release
        With this one's dependencies.
    """
    for part in ("app/storage", "migrations"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "app" / "__init__.py").write_text(f"__path__.append({str(ROOT / 'app')!r})\n")
    artifacts = folder / "app" / "storage" / "artifacts.py"
    source, n_formats = re.subn(r"^FORMAT = (\d+)$", r"FORMAT = \1 + 1", artifacts.read_text(), flags=re.MULTILINE)
    source, n_readable = re.subn(
        r"^(READABLE_FORMATS = .*)\(FORMAT,", r"\1(FORMAT - 1, FORMAT,", source, flags=re.MULTILINE
    )
    assert n_formats == n_readable == 1, "the format of model versions is declared in another way"
    artifacts.write_text(source)
    steps = folder / "migrations" / "versions"
    head = max(int(path.name[:4]) for path in steps.glob("[0-9]*.py"))
    (steps / f"{head + 1:04}_the_next.py").write_text(_ADDING.format(head=head, next=head + 1))
    _make_environment(folder, folder)
    return Release(folder / "env" / "bin" / "python", folder)


def _make_environment(place: Path, folder: Path) -> None:
    environment, lock = place / "env", place / _LOCK
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(environment)}))
    paths = [str(folder)]
    if not lock.exists() or lock.read_bytes() == (ROOT / _LOCK).read_bytes():
        paths.append(sysconfig.get_path("purelib"))
    else:
        pip = [sys.executable, "-m", "pip", "--quiet", "--python", str(environment / "bin" / "python"), "install"]
        subprocess.run([*pip, "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(lock)], check=True)
    (packages / "release.pth").write_text("".join(f"{path}\n" for path in paths))


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    return os.environ | {"PYTHONSAFEPATH": "1"} | dict(settings)


def _previous_commit() -> str:
    tag = _git("describe", "--tags", "--abbrev=0", "HEAD^").strip()
    if tag:
        return _git("rev-parse", f"{tag}^{{commit}}").strip()
    newest = max((ROOT / "migrations" / "versions").glob("[0-9]*.py"), key=lambda path: path.name)
    added_by = _git("log", "--diff-filter=A", "--format=%H", "--", str(newest)).split()
    before = _git("rev-parse", "--verify", "--quiet", f"{added_by[-1]}^").strip() if added_by else ""
    if not before:
        raise NoReleaseError(
            "the release before this one is not in the history here: a shallow clone, or no repository"
        )
    return before


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout


def _archived(commit: str) -> bytes:
    return subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
