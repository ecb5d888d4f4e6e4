"""Whatever is asked, no answer is a 5xx: all parameters of all questions, at random, on a trained service."""

import asyncio
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service import started, tastes

_ids = st.sampled_from(["u1", "u2", "i01", "i30", "nobody", "a/b", "%", "é", "x" * 300, "0", "popular", "."]) | st.text(
    max_size=5
)
_numbers = st.sampled_from(["0", "1", "5", "1000", "1001", "-1", "1e999", "NaN", "0.5", "true", "", "9" * 40])
_texts = _numbers | _ids | st.sampled_from(["odd", "even", "dot", "cosine", "false", "AAAA", "\0", "\ud7ff"])
_names = ["n", "cursor", "category", "exclude", "exclude_rated", "explain", "diversity", "explore", "seed"]
_names += ["item", "q", "metric"]
_queries = st.lists(st.tuples(st.sampled_from(_names), _texts), max_size=6)
_paths = st.sampled_from([
    "/users/{}/recommendations",
    "/users/{}/similar",
    "/users/{}/predictions",
    "/items/{}/similar",
    "/items/{}",
    "/items",
    "/items/popular",
    "/items/trending",
    "/items/latest",
    "/onboarding",
])
_values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _ids
_ratings = st.lists(st.fixed_dictionaries({"item_id": _ids, "value": st.none() | st.floats(0, 5)}), max_size=4)
_fields = st.dictionaries(
    st.sampled_from([*_names[:2], "user_id", "aggregate", "compare", "explain_limit", "metric", "title", "hidden"]),
    _values,
    max_size=3,
)
_lists = st.fixed_dictionaries(
    {},
    optional={
        "ratings": _ratings,
        "user_ids": st.lists(_ids, max_size=3),
        "item_ids": st.lists(_ids, max_size=3),
        "candidates": st.lists(_ids, max_size=4),
        "exclude": st.lists(_ids, max_size=4),
        "category": st.lists(_ids, max_size=2),
        "user_id": _ids,
        "n": st.integers(-1, 1001),
        "diversity": st.floats(0, 1),
        "explore": st.floats(0, 1),
        "explain": st.booleans(),
    },
)
_bodies = st.tuples(_lists, _fields).map(lambda parts: parts[0] | parts[1]) | _values
_posts = st.sampled_from(["POST /recommendations", "POST /items/similar", "POST /onboarding", "PUT /items/fuzzed"])


def test_no_question_makes_a_5xx(sqlite_url: str, tmp_path: Path):
    with asyncio.Runner() as runner:
        context = started(sqlite_url, tmp_path / "data")
        service = runner.run(context.__aenter__())
        try:
            runner.run(
                service.describe((f"i{item:02}", f"Item {item}", ["odd", "even"][: 1 + item % 2]) for item in range(60))
            )
            runner.run(service.rate(tastes()))
            runner.run(service.train())

            def ask(method: str, path: str, **arguments: Any) -> None:
                response = runner.run(service.client.request(method, path, **arguments))
                assert response.status_code < 500, (method, path, arguments, response.text)

            @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
            @given(_paths, _ids, _queries)
            def reads(path: str, outside_id: str, query: list[tuple[str, str]]) -> None:
                quoted = "".join(f"%{byte:02X}" for byte in outside_id.encode("utf-8", "surrogatepass"))
                pairs = [(name, text.encode("utf-8", "replace").decode()) for name, text in query]
                ask("GET", path.format(quoted), params=pairs)

            @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
            @given(_posts, _bodies)
            def questions(call: str, body: object) -> None:
                method, path = call.split(" ")
                ask(method, path, json=body)

            reads()
            questions()
        finally:
            runner.run(context.__aexit__(None, None, None))
