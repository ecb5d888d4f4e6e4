"""The calls in docs/questions.md are answered as they are shown there, and nothing that can be asked is missing."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from tests.readme import Block, difference, marked_blocks
from tests.service import Service

DOCUMENT = (Path(__file__).parents[3] / "docs" / "questions.md").read_text()
ADDRESS = "http://127.0.0.1:8000"
BLOCKS = marked_blocks(DOCUMENT)


@dataclass(frozen=True)
class Call:
    """One line of a document."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None

    @classmethod
    def read(cls, line: str) -> "Call":
        command, *words = shlex.split(line)
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
        return cls(method or ("GET" if body is None else "POST"), path, headers, body)


def calls_of(block: Block) -> Iterator[Call]:
    return map(Call.read, block.script.strip().splitlines())


async def test_every_documented_call_is_answered_as_shown(trained: Service):
    assert len(BLOCKS) == DOCUMENT.count("```bash")
    assert sum(block.answer is not None for block in BLOCKS) == DOCUMENT.count("```json")
    cursor = ""
    for block in BLOCKS:
        for call in calls_of(block):
            path, body = (text and text.replace("CURSOR", cursor) for text in (call.path, call.body))
            response = await trained.client.request(call.method, path or "", content=body, headers=call.headers)
            assert response.is_success, (call, response.text)
            answer = response.json() if response.content else None
            cursor = (answer.get("next_cursor") if isinstance(answer, dict) else None) or cursor
        if block.answer is not None:
            assert difference(orjson.loads(block.answer), answer) is None, (block.name, response.text)


def missing(document: dict[str, Any], calls: list[Call]) -> list[str]:
    """Say what the description of the API has and no example shows: calls, their parameters, fields of their bodies."""
    shown: dict[tuple[str, str], set[str]] = {}
    fields: set[str] = set()
    templates = sorted(document["paths"], key=lambda path: path.count("{"))  # "/items/similar" is no "/items/{item_id}"
    for call in calls:
        parts = urlsplit(call.path)
        path = next(path for path in templates if re.fullmatch(re.sub("{[^/]+}", "[^/]+", path), parts.path))
        shown.setdefault((call.method, path), set()).update(parse_qs(parts.query))
        body = orjson.loads(call.body) if call.body else {}
        fields |= {f"{path} {name}" for part in (body if isinstance(body, list) else [body]) for name in part}
    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            names = shown.get((method.upper(), path))
            if names is None:
                found.append(f"{method.upper()} {path}")
                continue
            queries = {entry["name"] for entry in operation.get("parameters", []) if entry["in"] == "query"}
            found += [f"{method.upper()} {path}?{name}" for name in queries - names]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                one = content["schema"].get("anyOf", [content["schema"]])[0]
                properties = document["components"]["schemas"][one["$ref"].rpartition("/")[2]]["properties"]
                found += [f"{path} {name}" for name in properties if f"{path} {name}" not in fields]
    return found


async def test_every_call_parameter_and_field_has_an_example(trained: Service):
    document = await trained.get("/openapi.json")
    calls = [call for block in BLOCKS for call in calls_of(block)]
    assert missing(document, calls) == []
    fewer = [call for call in calls if "explore" not in f"{call.path}{call.body}" and "onboarding" not in call.path]
    expected = {
        *("GET /onboarding", "POST /onboarding"),
        *(f"GET /users/{{user_id}}/recommendations?{name}" for name in ("explore", "seed")),
        *(
            f"/recommendations {name}"
            for name in ("exclude_rated", "category", "exclude", "diversity", "explore", "seed")
        ),
    }
    assert set(missing(document, fewer)) == expected


async def test_every_parameter_and_field_is_described(trained: Service):
    document = await trained.get("/openapi.json")
    nameless = [
        f"{method} {path} {entry['name']}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for entry in operation.get("parameters", [])
        if not entry.get("description")
    ]
    nameless += [
        f"{schema} {name}"
        for schema, described in document["components"]["schemas"].items()
        for name, entry in described.get("properties", {}).items()
        if not entry.get("description")
    ]
    assert nameless == []


async def test_who_asks_elsewhere_is_told_where_to_look(service: Service):
    assert "GET /docs" in (await service.get("/recommended", 404))["detail"]
    response = await service.client.post("/items/popular")
    assert (response.status_code, response.headers["allow"]) == (405, "GET")
    assert "GET /docs" in response.json()["detail"]


def test_readers_are_told_of_it():
    assert "(docs/questions.md)" in (Path(__file__).parents[3] / "README.md").read_text()
