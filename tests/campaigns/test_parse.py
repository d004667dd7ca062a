"""Columns are found by themselves, numbers are read as people write them, faults name the row."""

import pytest

from cpaas.campaigns.columns import layout_of
from cpaas.campaigns.files import FileError
from cpaas.campaigns.numbers import home_of, looks_like_number, read_number
from cpaas.campaigns.parse import Parser
from cpaas.campaigns.types import Fault, Mapping, Row
from cpaas.campaigns.variables import Form, names_in
from cpaas.kit.errors import InputError

N = "+919876543210"


@pytest.mark.parametrize(
    ("rows", "number", "heading"),
    [
        ([["Name", "Mobile No."], ["Ann", N]], 1, 1),
        ([["phone", "order"], [N, "1234567890"]], 0, 1),
        ([["order", "msisdn"], ["1234567890", "12"], ["1234567891", N]], 1, 1),
        ([["Ann", N], ["Bob", "+919876543211"]], 1, 0),
        ([[N], ["+919876543211"]], 0, 0),
        ([["who", "where"], ["Ann", N]], 1, 1),
        ([["id", "Kunde"], ["1", "98765 43210"]], 1, 1),
        ([["date", "tel"], ["2026-11-26", "00919876543210"]], 1, 1),
        ([["phone"], ["9.19877E+11"]], 0, 1),
    ],
)
def test_the_number_is_found(rows: list[list[str]], number: int, heading: int) -> None:
    layout = layout_of(rows, Mapping())
    assert (layout.number, layout.heading) == (number, heading)


@pytest.mark.parametrize(
    ("rows", "mapping", "code"),
    [
        ([], Mapping(), "file_empty"),
        ([["phone", "name"]], Mapping(), "file_empty"),
        ([["a", "b"], ["x", "y"]], Mapping(), "number_column_missing"),
        ([["a", "b"], [N, "y"]], Mapping("c"), "number_column_unknown"),
        ([["a", "b"], [N, "y"]], Mapping("9"), "number_column_unknown"),
    ],
)
def test_what_has_no_number_says_which_columns_it_has(
    rows: list[list[str]], mapping: Mapping, code: str
) -> None:
    with pytest.raises(FileError) as caught:
        layout_of(rows, mapping)
    assert caught.value.code == code


def test_a_told_column_wins_by_name_or_number() -> None:
    rows = [["a", "First Name", "c"], [N, N, N]]
    assert layout_of(rows, Mapping("first_name")).number == 1
    assert layout_of(rows, Mapping("3")).number == 2


def test_names_are_made_unique() -> None:
    names = layout_of([["phone", "x", "x", ""], [N, "1", "2", "3"]], Mapping()).names
    assert names == ["phone", "x", "x 2", "column 4"]


@pytest.mark.parametrize(
    ("cell", "country", "digits"),
    [
        ("+91 98765-43210", "", "919876543210"),
        ("00919876543210", "", "919876543210"),
        ("919876543210", "", "919876543210"),
        ("(98765) 43210", "IN", "919876543210"),
        ("098765 43210", "IN", "919876543210"),
        ("919876543210", "IN", "919876543210"),
        ("9198765432", "IN", "919198765432"),
        ("2015550123", "us", "12015550123"),
        ("+4915112345678", "IN", "4915112345678"),
        ("\u202a+91 98765\u00a043210\u202c", "", "919876543210"),
    ],
)
def test_numbers_as_people_write_them(cell: str, country: str, digits: str) -> None:
    assert read_number(cell, home_of(country)).digits == digits


@pytest.mark.parametrize("cell", ["9.19877E+11", "98765", "", "Ann", "=1+1", "+91987654321012345"])
def test_what_is_no_number_says_why(cell: str) -> None:
    with pytest.raises(InputError):
        read_number(cell)


def test_decimals_and_words_do_not_look_like_numbers() -> None:
    assert not any(map(looks_like_number, ["Ann", "12.5", "", "123", "2026-11-26 10:00:00x"]))


def test_each_row_is_sent_to_or_has_a_reason() -> None:
    rows = [
        ["phone", "name"], [N, "Ann"], [], ["919876543210", "Ann again"], ["12", "Bob"],
        ["", "nobody"], ["+919876543211", "Eve", "3", "4"], ["+919876543212"],
    ]  # fmt: skip
    parser = Parser(rows, Mapping())
    found = list(parser)
    assert parser.total == 6
    assert [one.number for one in found if isinstance(one, Row)] == [2, 8]
    assert [(one.row, one.code) for one in found if isinstance(one, Fault)] == [
        (4, "duplicate"), (5, "invalid_number"), (6, "invalid_number"), (7, "row_too_long"),
    ]  # fmt: skip
    assert [one.cells for one in found if isinstance(one, Fault)][1:3] == [["Bob"], ["nobody"]]


def test_a_campaign_has_a_largest_size() -> None:
    with pytest.raises(FileError) as caught:
        list(Parser([[N], ["+919876543211"], ["+919876543212"]], Mapping(), rows_max=2))
    assert caught.value.code == "file_too_many_rows"


def test_variables_are_filled_in_by_column() -> None:
    form = Form("Dear {{ First name }}, {{order}} for {{first_name}}.", ["First Name", "Order"])
    assert form.fill(["Ann", "17"]) == "Dear Ann, 17 for Ann."
    assert form.names == ["First Name", "Order"]
    assert names_in("{{a}} {{b}} {{a}}") == ["a", "b"]
    with pytest.raises(InputError, match="order is empty"):
        form.fill(["Ann", ""])
    with pytest.raises(InputError, match=r"did you mean \{\{First Name"):
        Form("{{firstname}}", ["First Name"])
