"""Where machine code is kept, and that nothing needs it to be kept."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import pytest

from app.factorization.compiled import cache_directory


def test_machine_code_is_kept_where_numba_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert Path(cache_directory()).parent == tmp_path


def test_the_temporary_directory_serves_where_nothing_else_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/proc/none")
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert Path(cache_directory()).is_relative_to(tmp_path)


def test_a_directory_that_others_can_write_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    Path(cache_directory()).chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    assert Path(cache_directory()).is_relative_to(tmp_path / "mine")


def test_what_lies_where_nothing_can_be_written_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "image"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    made = Path(cache_directory())
    (made / "factorization").mkdir()
    (made / "factorization" / "kernel.1.nbc").write_bytes(b"code")
    write = tempfile.TemporaryFile

    def refuse(**where: Path) -> IO[bytes]:
        if where["dir"] == made:
            raise OSError(errno.EROFS, "Read-only file system")
        return write(dir=where["dir"])

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    copied = Path(cache_directory())
    assert copied.is_relative_to(tmp_path / "mine")
    assert (copied / "factorization" / "kernel.1.nbc").read_bytes() == b"code"
    shutil.rmtree(copied)
    made.chmod(0o777)  # anybody could have put anything there
    assert not list(Path(cache_directory()).iterdir())


def test_without_any_directory_to_write_kernels_still_run() -> None:
    nowhere = {"NUMBA_CACHE_DIR": "/proc/none", "XDG_CACHE_HOME": "/proc/none", "TMPDIR": "/proc/none"}
    program = (
        "import tempfile; tempfile.tempdir = '/proc/none'\n"
        "import numpy as np\n"
        "from app.factorization.compiled import cache_directory\n"
        "from app.factorization.fit import fit\n"
        "from app.factorization.hyperparameters import Hyperparameters\n"
        "from scipy.sparse import csr_array\n"
        "assert cache_directory() == ''\n"
        "factors = fit(csr_array(np.ones((4, 3), np.float32)), Hyperparameters(n_factors=2))\n"
        "assert (factors.user_factors @ factors.item_factors.T > 0.5).all()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ | nowhere, timeout=120)
