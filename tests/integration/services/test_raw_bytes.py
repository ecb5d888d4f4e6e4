"""Whatever bytes come, a reader gives valid things or refuses in its own words: NDJSON, JSON, CSV, manifests."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.rating_bodies import read_lines, read_ratings
from app.config import Settings
from app.errors import ArtifactError, InvalidInputError
from app.services.files.file_layouts import FileOptions
from app.services.files.rating_sources import ratings_in_file
from app.services.policy import check_id
from app.storage.artifacts import read_artifacts, write_artifacts
from app.storage.ratings import Rating

SETTINGS = Settings()
JSON_SEEDS = [
    b'{"user_id":"a","item_id":7,"value":3.5,"timestamp":"2020-01-01T00:00:00Z"}',
    b'[{"user_id":"a","item_id":"b","value":1e0,"timestamp":5},{"user_id":"\\u00e9","item_id":"c","value":5}]',
]
CSV_SEEDS = [
    b'userId,movieId,rating,timestamp\n1,2,3.5,1000000000\n"a,""b",c,1,2020-01-01T00:00:00Z\n',
    b"7::8::5::978300760\n1::2::3::4\n",
    b"7\t8\t5\t881250949\n",
    b"item;user;rating\r\n\xc3\xa9;x;2,5\r\n",
    b"\xef\xbb\xbfuser,item,rating\na,b,1\n",
    b'{"user_id":"a","item_id":"b","value":1}\n{"user_id":"a","item_id":"c","value":2}\n',
]
_PIECES = [
    b"",
    b"\0",
    b"\xff",
    b"\n",
    b"\r",
    b'"',
    b",",
    b"::",
    b"\\",
    b"{",
    b"]",
    b"NaN",
    b"1e999",
    b"\xed\xa0\x80",
    b"\x1f\x8b",
    b"PAR1",
]


@st.composite
def _damaged(draw: Any, seeds: list[bytes]) -> bytes:
    """A good file, cut and patched in a few places; or no good file at all."""
    if draw(st.integers(0, 4)) == 0:
        return bytes(draw(st.binary(max_size=300)))
    content = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 3)))
        content = content[:start] + draw(st.sampled_from(_PIECES) | st.binary(max_size=3)) + content[end:]
    return bytes(content)


def check(ratings: Iterable[Rating]) -> None:
    for rating in ratings:
        assert check_id(rating.user_id) == rating.user_id
        assert check_id(rating.item_id) == rating.item_id
        assert math.isfinite(rating.value)
        assert 0 <= rating.value <= 5
        assert rating.timestamp is None or 0 <= rating.timestamp < 2**63


often = settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))


@often
@given(_damaged(JSON_SEEDS))
def test_json(body: bytes):
    try:
        ratings = read_ratings(body, SETTINGS)
    except InvalidInputError:
        return
    check(ratings)


@often
@given(_damaged([b"\n".join(JSON_SEEDS[:1] * 3)]))
def test_ndjson(body: bytes):
    lines = [line.strip() for line in body.split(b"\n") if line.strip()]
    ratings, error = read_lines(lines, SETTINGS)
    check(ratings)
    assert (error is None) == (len(ratings) == len(lines))


# Arrow cannot tell of a row that is no UTF-8 and says so on stderr; the file is refused all the same
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(often, max_examples=400)
@given(content=_damaged(CSV_SEEDS))
def test_files(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    path = tmp_path_factory.mktemp("raw") / "ratings.csv"
    path.write_bytes(content)
    try:
        for block in ratings_in_file(path, SETTINGS, FileOptions()):
            check(block)
    except InvalidInputError:
        return


@settings(often, max_examples=400)
@given(data=st.data())
def test_manifests(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    folder = write_artifacts(tmp_path_factory.mktemp("raw"), {"a": np.arange(6.0).reshape(2, 3)}, {"x": 1})
    manifest = folder / "manifest.json"
    content = data.draw(_damaged([manifest.read_bytes()]))
    manifest.write_bytes(content)
    try:
        found = read_artifacts(folder)
    except ArtifactError:
        return
    assert np.array_equal(found.arrays.get("a", np.arange(6.0).reshape(2, 3)), np.arange(6.0).reshape(2, 3))


def test_a_reader_that_lets_anything_out_is_caught():
    with pytest.raises(AssertionError):
        check([Rating("a", "b", math.nan, 0)])
    with pytest.raises(ValueError, match="control"):
        check([Rating("a\n", "b", 1, 0)])
