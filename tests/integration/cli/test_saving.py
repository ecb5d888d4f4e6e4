"""Backup, restore and export as commands."""

import json
import sys
from pathlib import Path

import pytest

from app.cli import main


def run(monkeypatch: pytest.MonkeyPatch, url: str, data_dir: Path, *arguments: str) -> str:
    monkeypatch.setenv("FOLDIN_DATABASE_URL", url)
    monkeypatch.setenv("FOLDIN_DATA_DIR", str(data_dir))
    monkeypatch.setattr(sys, "argv", ["foldin", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return str(ended.value.code or "")  # what the interpreter would say, with exit code 1


def test_backup_restore_and_export_go_round(tmp_path, monkeypatch, capsys):
    old, new = f"sqlite:///{tmp_path / 'old' / 'f.db'}", f"sqlite:///{tmp_path / 'new' / 'f.db'}"
    (tmp_path / "r.csv").write_text("user,item,rating,time\nu,i,4,5\nu,j,2,7\n")
    assert run(monkeypatch, old, tmp_path / "old", "import", str(tmp_path / "r.csv")) == ""
    assert run(monkeypatch, old, tmp_path / "old", "backup", str(tmp_path / "b.zip")) == ""
    assert run(monkeypatch, new, tmp_path / "new", "restore", str(tmp_path / "b.zip")) == ""
    assert "Erase again" in capsys.readouterr().out
    assert run(monkeypatch, new, tmp_path / "new", "export", "--json", str(tmp_path / "out.csv")) == ""
    assert json.loads(capsys.readouterr().out) == {"n_ratings": 2}
    assert (tmp_path / "out.csv").read_text().splitlines()[1:] == ['"u","i",4,"5"', '"u","j",2,"7"']


def test_what_cannot_be_restored_is_said_in_a_line(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'f.db'}"
    (tmp_path / "b.zip").write_bytes(b"no backup")
    error = run(monkeypatch, url, tmp_path, "restore", str(tmp_path / "b.zip"))
    assert error.endswith("b.zip is no backup, or a damaged one")
    assert not (tmp_path / "f.db").exists()
