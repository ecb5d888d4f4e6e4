"""What may come in and what is refused, at the edges of each rule."""

import math

import pytest

from app.services.policy import check_id, check_timestamp, check_value, is_plain, to_microseconds

NOW = 1_700_000_000_000_000


@pytest.mark.parametrize("outside_id", ["1", " ", "a/b", "ünï", "é" * 128, "𝄞" * 64, "a" * 256, "\u00a0", "'--"])
def test_an_id_of_1_to_256_bytes_is_accepted_as_it_is(outside_id: str) -> None:
    assert check_id(outside_id) is outside_id


@pytest.mark.parametrize("outside_id", ["", "a" * 257, "é" * 129, "𝄞" * 65, "𝄞" * 64 + "a"])
def test_an_id_that_is_empty_or_longer_than_256_bytes_is_refused(outside_id: str) -> None:
    with pytest.raises(ValueError, match=r"must not be (empty|longer than 256 bytes)"):
        check_id(outside_id)


@pytest.mark.parametrize("character", ["\x00", "\t", "\n", "\r", "\x1f", "\x7f", "\x80", "\x9f", "\ud800"])
def test_control_characters_and_lone_surrogates_are_refused_and_not_repeated(character: str) -> None:
    with pytest.raises(ValueError, match="control characters") as refusal:
        check_id(f"before{character}after")
    assert "before" not in str(refusal.value)


@pytest.mark.parametrize("n_around", [0, 5_000])
def test_a_plain_text_is_of_printable_ascii_alone(n_around: int) -> None:
    plain = {chr(code) for code in range(0x200) if is_plain("a" * n_around + chr(code))}
    assert plain == set(map(chr, range(0x20, 0x7F)))
    assert not is_plain("a" * n_around + "\ud800")


@pytest.mark.parametrize("value", [0.5, 5.0, 3])
def test_a_value_on_the_scale_is_accepted_ends_included(value: float) -> None:
    assert check_value(value, 0.5, 5.0) == value


@pytest.mark.parametrize("value", [0.49, 5.01, math.nan, math.inf, -math.inf])
def test_a_value_off_the_scale_or_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"must be a number from 0\.5 to 5$"):
        check_value(value, 0.5, 5.0)


@pytest.mark.parametrize("timestamp", [0, 1, NOW - 1, NOW])
def test_a_time_between_1970_and_now_is_accepted(timestamp: int) -> None:
    assert check_timestamp(timestamp, NOW) == timestamp


def test_a_time_ahead_by_up_to_a_minute_becomes_now() -> None:
    assert check_timestamp(NOW + 1, NOW) == NOW
    assert check_timestamp(NOW + 60_000_000, NOW) == NOW


@pytest.mark.parametrize("timestamp", [-1, NOW + 60_000_001, 2**80])
def test_a_time_before_1970_or_in_the_future_is_refused(timestamp: int) -> None:
    with pytest.raises(ValueError, match="must not lie"):
        check_timestamp(timestamp, NOW)


def test_seconds_become_microseconds() -> None:
    assert to_microseconds(1_700_000_000) == NOW
    assert to_microseconds(1_700_000_000.25) == NOW + 250_000
    assert to_microseconds(2**2000) == 2**2000 * 1_000_000


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf])
def test_seconds_that_are_not_finite_are_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        to_microseconds(seconds)
