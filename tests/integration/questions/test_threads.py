"""What may take long is computed beside the event loop; what is quick is not sent there and back."""

import threading

import pytest

from app.services.questions import answer_threads
from tests.service import Service


async def test_only_short_work_on_small_models_is_done_at_once(trained: Service, monkeypatch: pytest.MonkeyPatch):
    threads, snapshot = trained.state.recommender.threads, trained.state.live.current
    assert snapshot
    here = threading.get_ident()
    assert await threads.run(snapshot, threading.get_ident, is_short=True) == here
    assert await threads.run(snapshot, threading.get_ident) != here
    monkeypatch.setattr(answer_threads, "QUICK", 10)  # and so the model is large
    assert await threads.run(snapshot, threading.get_ident, is_short=True) != here
