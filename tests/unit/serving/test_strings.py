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
    with patch.object(strings, "_MANY", many):
        _check(there, wanted)


def _check(there: list[str], wanted: list[str]) -> None:
    table = StringTable.of(sorted(set(there), key=str.encode))
    each = {string: table.find(string) for string in wanted}
    assert table.find_all(wanted) == {string: index for string, index in each.items() if index is not None}
    assert set(table.find_all(wanted)) == set(there) & set(wanted)
