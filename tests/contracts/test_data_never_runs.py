"""The audit hook that watches every test catches what it is for, and the application imports no way to run data."""

import ast
import pickle
import socket
import subprocess
from pathlib import Path

import pytest

from tests import audit

RUNNERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml"}


@pytest.mark.parametrize(
    ("statement", "event"),
    [
        ("pickle.loads(pickled)", "pickle.find_class"),
        ("exec('1')", "exec"),
        ("subprocess.run(['true'])", "subprocess.Popen"),
        ("with socket.socket() as it: it.connect_ex(('127.0.0.1', 9))", "socket.connect"),
    ],
)
def test_what_the_application_must_not_do_is_seen(statement: str, event: str):
    names = {
        "pickle": pickle,
        "pickled": pickle.dumps(Path("x")),
        "subprocess": subprocess,
        "socket": socket,
    }
    exec(compile(f"def act():\n    {statement}", f"{audit.APP}/somewhere.py", "exec"), names)
    names["act"]()  # type: ignore[operator]
    seen = {event for event, _, _ in audit.found}
    audit.found.clear()
    assert event in seen


def test_the_application_imports_no_way_to_run_data():
    imported = {
        (path.name, name)
        for path in Path(audit.APP).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
    }
    assert not [(file, name) for file, name in imported if name and name.split(".")[0] in RUNNERS]
