"""A file's first line tells where its columns are."""

import pytest

from app.services.files.file_layouts import ColumnNames, RatingLayout, parse_number, rating_layout

ANY = ColumnNames()


@pytest.mark.parametrize(
    ("first_line", "expected"),
    [
        ("userId,movieId,rating,timestamp", RatingLayout(",", 4, 0, 1, 2, 3, 1)),
        ("user_id;item_id;value", RatingLayout(";", 3, 0, 1, 2, None, 1)),
        ("User ID\tProduct ID\tStars", RatingLayout("\t", 3, 0, 1, 2, None, 1)),
        ("time,review,score,uid,iid", RatingLayout(",", 5, 3, 4, 2, 0, 1)),
        ('"userId","movieId","rating"', RatingLayout(",", 3, 0, 1, 2, None, 1)),
        ("1::1193::5::978300760", RatingLayout(":", 7, 0, 2, 4, 6, 0)),
        ("1::1193::5", RatingLayout(":", 5, 0, 2, 4, None, 0)),
        ("196\t242\t3\t881250949", RatingLayout("\t", 4, 0, 1, 2, 3, 0)),
        ("anna,the book,4.5", RatingLayout(",", 3, 0, 1, 2, None, 0)),
    ],
)
def test_the_layouts_that_people_have_are_recognized(first_line: str, expected: RatingLayout) -> None:
    assert rating_layout(first_line, None, ANY) == expected


def test_named_columns_count_more_than_recognized_ones() -> None:
    names = ColumnNames(user="buyer", item="sku", value="grade")
    assert rating_layout("user,item,rating,buyer,sku,grade", None, names) == RatingLayout(",", 6, 3, 4, 5, None, 1)


def test_a_named_column_that_is_not_there_is_an_error_that_shows_the_header() -> None:
    with pytest.raises(ValueError, match="there is no column buyer; the header has user, item, rating"):
        rating_layout("user,item,rating", None, ColumnNames(user="buyer"))


def test_a_header_without_a_known_column_says_how_to_name_it() -> None:
    with pytest.raises(ValueError, match="name it with --item-column"):
        rating_layout("user,thing,rating", None, ANY)


def test_two_columns_of_one_name_are_an_error_unless_one_of_them_is_named() -> None:
    with pytest.raises(ValueError, match="the columns userId and user_id mean the same"):
        rating_layout("userId,item,rating,user_id", None, ANY)
    with pytest.raises(ValueError, match="the columns user and user mean the same"):
        rating_layout("user,item,rating,user", None, ColumnNames(user="user"))
    assert rating_layout("userId,item,rating,user_id", None, ColumnNames(user="user_id")).user == 3


def test_one_column_is_never_two_parts_of_a_rating() -> None:
    with pytest.raises(ValueError, match="the column userId is named for two parts of a rating"):
        rating_layout("userId,item,rating", None, ColumnNames(user="userId", item="userId"))
    with pytest.raises(ValueError, match="no column is recognized as the item; name it with --item-column"):
        rating_layout("userId,movieId,rating", None, ColumnNames(user="movieId"))
    layout = rating_layout("userId,movieId,time", None, ColumnNames(value="time"))
    assert (layout.value, layout.timestamp) == (2, None)


@pytest.mark.parametrize("first_line", ["1::2", "1::2::3::4::5"])
def test_too_few_or_too_many_unnamed_columns_are_an_error(first_line: str) -> None:
    with pytest.raises(ValueError, match="expected user, item, value"):
        rating_layout(first_line, None, ANY)


def test_a_given_format_is_not_guessed() -> None:
    assert rating_layout("a\tb\tc", "u.data", ANY).n_header_lines == 0
    with pytest.raises(ValueError, match="no column is recognized as the user"):
        rating_layout("a\tb\tc", "tsv", ANY)
    with pytest.raises(ValueError, match="--items"):
        rating_layout("1|2", "u.item", ANY)


@pytest.mark.parametrize("text", ["5", "4.5", ".5", "5.", "1e0", "-3", "+3", " 3 "])
def test_decimal_numbers_are_numbers(text: str) -> None:
    assert parse_number(text) == float(text)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_0", "0x1", "٣", "five", "1,5", "1" * 10**6 + "x"])
def test_whatever_else_python_takes_for_a_number_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number"):
        parse_number(text)
