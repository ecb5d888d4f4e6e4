"""Take out of an environment what the service never loads: ``python slim.py ENVIRONMENT PROJECT``, in the image.

What is taken out too much ends the build, since it then imports every module and tries every method.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

# Arrow's clients of network file systems and of Flight, CUDA, and all of SciPy but matrices and what they are made of.
NEVER_LOADED = (
    "**/tests",
    *("**/*.pyx", "**/*.pxd", "**/*.pxi", "**/*.pyi", "**/*.h", "**/*.hpp", "**/*.c", "**/*.cpp", "**/*.a"),
    *("pyarrow/include", "pyarrow/src"),
    *("pyarrow/libarrow_flight*", "pyarrow/libarrow_python_flight*", "pyarrow/_flight*"),
    *("pyarrow/libarrow_s3*", "pyarrow/_s3fs*", "pyarrow/_azurefs*", "pyarrow/_gcsfs*", "pyarrow/_hdfs*"),
    *("scipy/cluster", "scipy/datasets", "scipy/differentiate", "scipy/fft", "scipy/fftpack", "scipy/integrate"),
    *("scipy/interpolate", "scipy/io", "scipy/ndimage", "scipy/odr", "scipy/optimize", "scipy/signal"),
    *("scipy/spatial", "scipy/stats"),
    "numba/cuda",
)
SMALLEST_TWIN = 1 << 20


def main() -> None:
    """Delete, join what is there twice, and let the first folder's interpreter find the second one's packages."""
    environment, project = map(Path, sys.argv[1:])
    (packages,) = environment.glob("lib/python*/site-packages")
    for pattern in NEVER_LOADED:
        for path in sorted(packages.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    join_twins(packages)
    strip_symbols(packages)
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


def strip_symbols(packages: Path) -> None:
    """Leave out the names that only a debugger reads."""
    for path in sorted(packages.rglob("*.so*")):
        # libraries that were packed into a wheel have been moved about in a way that strip breaks
        if path.is_file() and not path.is_symlink() and not path.parent.name.endswith(".libs"):
            subprocess.run(["strip", "--strip-unneeded", path], check=True)  # noqa: S603, S607 - of the image


if __name__ == "__main__":
    main()
