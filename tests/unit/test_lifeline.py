"""Children that were started ahead wait at a gate, and go no further without their parent."""

import os
import select
from pathlib import Path

import pytest

from app.lifeline import Gate, Lifeline, wait_at_gate


def test_a_gate_is_closed_until_it_is_opened(monkeypatch: pytest.MonkeyPatch):
    gate, lifeline = Gate(), Lifeline()
    monkeypatch.setenv(*next(iter(lifeline.environment().items())))
    assert not select.select([gate.child_fd], [], [], 0)[0]
    gate.open()
    wait_at_gate(gate.child_fd)
    assert not Path(f"/proc/self/fd/{gate.child_fd}").exists()
    lifeline.close_parent_end()
    os.close(lifeline.child_fd)


def test_a_gate_that_opens_because_the_parent_is_gone_leads_nowhere(monkeypatch: pytest.MonkeyPatch):
    gate, lifeline = Gate(), Lifeline()
    monkeypatch.setenv(*next(iter(lifeline.environment().items())))
    lifeline.close_parent_end()
    gate.open()
    with pytest.raises(SystemExit):
        wait_at_gate(gate.child_fd)
    os.close(lifeline.child_fd)
