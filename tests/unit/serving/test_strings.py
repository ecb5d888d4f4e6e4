"""Many strings are looked up in a table as each would be."""

from hypothesis import given
from hypothesis import strategies as st

from app.serving.strings import StringTable

_strings = st.lists(st.text(st.sampled_from("abé\U0001f600"), max_size=4), max_size=30)


@given(_strings, _strings)
def test_all_at_once_are_found_like_each(there: list[str], wanted: list[str]):
    table = StringTable.of(sorted(set(there), key=str.encode))
    each = {string: table.find(string) for string in wanted}
    assert table.find_all(wanted) == {string: index for string, index in each.items() if index is not None}
    assert set(table.find_all(wanted)) == set(there) & set(wanted)
