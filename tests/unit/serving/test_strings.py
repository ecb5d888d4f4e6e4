"""Many strings are looked up in a table as each would be."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from app.serving import strings
from app.serving.strings import StringTable

_strings = st.lists(st.text(st.sampled_from("abé\U0001f600"), max_size=12), max_size=30)


@given(_strings, _strings, st.sampled_from(["", "item-", "longer-than-eight-"]), st.sampled_from([0, 100]))
def test_all_at_once_are_found_like_each(there: list[str], wanted: list[str], common: str, many: int):
    there = [common + string for string in there]
    wanted = [*wanted, *(common + string for string in wanted), *there[::2]]
    with patch.object(strings, "MANY", many):
        _check(there, wanted)


def _check(there: list[str], wanted: list[str]) -> None:
    table = StringTable.of(sorted(set(there), key=str.encode))
    each = [table.find(string) for string in wanted]
    assert table.places_of(wanted).tolist() == [-1 if place is None else place for place in each]
    assert {string for string, place in zip(wanted, each, strict=True) if place is not None} == set(there) & set(wanted)
