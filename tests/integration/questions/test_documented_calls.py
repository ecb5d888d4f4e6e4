"""The calls in docs/questions.md are answered."""

import shlex
from pathlib import Path

from tests.readme import marked_blocks
from tests.service import Service

DOCUMENT = Path(__file__).parents[3] / "docs" / "questions.md"
ADDRESS = "http://127.0.0.1:8000"


async def test_every_documented_call_is_answered(trained: Service):
    cursor = (await trained.get("/users/u1/recommendations", n=5))["next_cursor"]
    blocks = marked_blocks(DOCUMENT.read_text())
    assert len(blocks) == DOCUMENT.read_text().count("```bash")
    for block in blocks:
        for line in block.script.strip().splitlines():
            command, *words = shlex.split(line.replace("CURSOR", cursor))
            assert command == "curl"
            method, path, body = "", "", None
            headers: dict[str, str] = {}
            while words:
                word = words.pop(0)
                if word == "-X":
                    method = words.pop(0)
                elif word == "-H":
                    name, value = words.pop(0).split(": ")
                    headers[name] = value
                elif word == "-d":
                    body = words.pop(0)
                else:
                    assert word.startswith(ADDRESS), word
                    path = word.removeprefix(ADDRESS)
            method = method or ("GET" if body is None else "POST")
            response = await trained.client.request(method, path, content=body, headers=headers)
            assert response.is_success, (line, response.text)
