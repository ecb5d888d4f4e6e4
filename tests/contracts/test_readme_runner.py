"""What holds the README to the service would notice when it lies."""

import http.server
import json
import os
import threading
from functools import partial

import pytest

from tests.readme import difference, marked_blocks

SAMPLE = """\
# A sample

```bash
exit 1  # not marked, so not run
```

<!-- run: ask for the answer -->

```bash
curl 'http://127.0.0.1:8000/answer.json'
```

```json
{"items": [{"item_id": "1", "score": 0.93}], "next_cursor": null}
```

<!-- run: ask for what is missing -->
```bash
curl http://127.0.0.1:8000/missing.json
```

<!-- run: fail in a pipe -->
```bash
false | cat
echo "and go on"
```
"""


@pytest.fixture
def url(tmp_path):
    answer = {"items": [{"item_id": "7", "score": 1}, {"item_id": "8", "score": 0.5}], "next_cursor": None}
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_marked_blocks_are_found_in_order_with_their_answers():
    blocks = marked_blocks(SAMPLE)
    assert [block.name for block in blocks] == ["ask for the answer", "ask for what is missing", "fail in a pipe"]
    assert [block.answer is not None for block in blocks] == [True, False, False]


def test_commands_run_against_a_real_server_and_their_answer_is_compared(url, tmp_path):
    block = marked_blocks(SAMPLE)[0]
    output = block.run(tmp_path, os.environ, instead={"http://127.0.0.1:8000": url})
    assert difference(json.loads(block.answer or ""), json.loads(output)) is None


@pytest.mark.parametrize("number", [1, 2])
def test_an_http_error_or_a_failing_command_fails(url, tmp_path, number):
    with pytest.raises(AssertionError, match="ended with"):
        marked_blocks(SAMPLE)[number].run(tmp_path, os.environ, instead={"http://127.0.0.1:8000": url})


@pytest.mark.parametrize(
    ("shown", "given"),
    [
        ({"score": 0.9}, {"scores": 0.9}),
        ({"score": 0.9}, {"score": "0.9"}),
        ({"score": 0.9}, {"score": None}),
        ({"items": [{"item_id": "1"}]}, {"items": [{"id": "1"}]}),
        ({"items": [{"item_id": "1"}]}, {"items": []}),
        ({"degraded": False}, {"degraded": 0}),
    ],
)
def test_an_answer_of_another_shape_is_a_difference(shown, given):
    assert difference(shown, given) is not None
    assert difference(shown, shown) is None
