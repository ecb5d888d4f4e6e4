"""Take out of an environment what the service never loads: ``python slim.py ENVIRONMENT PROJECT``, in the image."""

import hashlib
import shutil
import sys
from pathlib import Path

# Tests, headers, and Arrow's clients of network file systems and of Flight: nobody here has them as input.
NEVER_LOADED = (
    "**/tests",
    "pyarrow/include",
    "pyarrow/libarrow_flight*",
    "pyarrow/_flight*",
    "pyarrow/libarrow_s3*",
    "pyarrow/_s3fs*",
)
SMALLEST_TWIN = 1 << 20


def main() -> None:
    """Delete, join what is there twice, and let the first folder's interpreter find the second one's packages."""
    environment, project = map(Path, sys.argv[1:])
    (packages,) = environment.glob("lib/python*/site-packages")
    for pattern in NEVER_LOADED:
        for path in sorted(packages.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    join_twins(packages)
    (packages / "foldin.pth").write_text(f"{project}\n")


def join_twins(packages: Path) -> None:
    """Replace large files that are there already by links, since a wheel cannot hold links."""
    first: dict[str, Path] = {}
    for path in sorted(packages.rglob("*.so*")):
        if path.is_file() and path.stat().st_size >= SMALLEST_TWIN:
            with path.open("rb") as file:
                original = first.setdefault(hashlib.file_digest(file, "sha256").hexdigest(), path)
            if original is not path and original.parent == path.parent:
                path.unlink()
                path.symlink_to(original.name)


if __name__ == "__main__":
    main()
