"""The report's CSV, as others read it: Python, DuckDB and Polars."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.ratings import Row
from chalicelib.reports import COLUMNS, harmless, write

TITLES = [
    "Movies",
    "Tom, Dick & Harry",
    'The "best" of',
    '"',
    '""',
    "a\nb",
    "a\r\nb",
    "a\rb",
    "\n",
    "\r",
    ",",
    ";",
    "a;b\tc|d",
    "'quoted'",
    "=cmd()",
    '=HYPERLINK("http://example.com","x")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    " spaces around ",
    "東京",
    "Ærø",
    "\U0001f3ac\U0001f37f",
    "\u202eright to left",
    "\ufeffmark",
    "\u2028",
    "\x1f\x7f\x85",
    "\\",
    'back\\"slash',
    "NULL",
    "null",
    "NA",
    "true",
    "0123",
    "1e5",
    "2026-11-22",
    "#comment",
    "Channel Title",
    "x" * 250,
]
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\x00")
ANY_TITLE = st.text(CHARACTERS, min_size=1, max_size=40) | st.text(
    "\"',\n\r;|\t=+-@ a\\#", min_size=1, max_size=12
)
SEVERAL = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])

Cells = list[tuple[str, ...]]


def report(titles: list[str]) -> bytes:
    file = io.BytesIO()
    write((Row(title, 7.25, "slug", "/slug", 2) for title in titles), file)
    return file.getvalue()


def cells(titles: list[str]) -> Cells:
    return [COLUMNS, *((harmless(title), "7.25", "slug", "/slug", "2") for title in titles)]


def as_python_reads(text: bytes, file: Path) -> Cells:
    return [tuple(row) for row in csv.reader(io.StringIO(text.decode(), newline=""), strict=True)]


def as_duckdb_reads(text: bytes, file: Path) -> Cells:
    """Told what RFC 4180 says, that there is a header and that cells are text."""
    file.write_bytes(text)
    found = duckdb.read_csv(
        str(file), header=True, all_varchar=True, sep=",", quotechar='"', escapechar='"'
    )
    return [tuple(found.columns), *found.fetchall()]


def as_duckdb_reads_by_itself(text: bytes, file: Path) -> Cells:
    """Told nothing."""
    file.write_bytes(text)
    found = duckdb.read_csv(str(file))
    return [tuple(found.columns), *(tuple(map(str, row)) for row in found.fetchall())]


def as_polars_reads(text: bytes, file: Path) -> Cells:
    found = polars.read_csv(text, infer_schema=False)
    return [tuple(found.columns), *found.rows()]


READERS = pytest.mark.parametrize("read", [as_python_reads, as_duckdb_reads, as_polars_reads])
Reader = Callable[[bytes, Path], Cells]


@READERS
@pytest.mark.parametrize("title", TITLES)
def test_any_title_comes_back(read: Reader, title: str, tmp_path: Path) -> None:
    assert read(report([title]), tmp_path / "report.csv") == cells([title])


@READERS
def test_all_titles_come_back_from_one_report(read: Reader, tmp_path: Path) -> None:
    assert read(report(TITLES), tmp_path / "report.csv") == cells(TITLES)


@READERS
@given(titles=st.lists(ANY_TITLE, min_size=1, max_size=8))
@SEVERAL
def test_titles_drawn_at_random_come_back(read: Reader, titles: list[str], tmp_path: Path) -> None:
    assert read(report(titles), tmp_path / "report.csv") == cells(titles)


@READERS
def test_a_report_without_rows_has_a_header(read: Reader, tmp_path: Path) -> None:
    assert read(report([]), tmp_path / "report.csv") == [COLUMNS]


@pytest.mark.parametrize("title", [*TITLES, "='", "'A'; B"])
def test_duckdb_reads_a_title_without_being_told_anything(title: str, tmp_path: Path) -> None:
    titles = ["Movies", title, "Series"]
    found = as_duckdb_reads_by_itself(report(titles), tmp_path / "report.csv")
    assert found == cells(titles)


def test_duckdb_finds_the_types_of_the_columns_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    file.write_bytes(report(["Movies", *TITLES]))
    types = duckdb.read_csv(str(file)).types
    assert [str(kind) for kind in types] == ["VARCHAR", "DOUBLE", "VARCHAR", "VARCHAR", "BIGINT"]


def test_the_header_is_exact() -> None:
    assert report([]) == b"Channel Title,Average Rating,Slug,Path,Rated Contents\r\n"


def test_lines_end_in_crlf_and_numbers_are_not_quoted() -> None:
    file = io.BytesIO()
    rows = [Row("A", 7.0, "a", "/a", 10), Row("B", 0, "b", "/a/b", 0)]
    assert write(rows, file) == 2
    assert file.getvalue().endswith(b'Contents\r\n"A",7.0,"a","/a",10\r\n"B",0,"b","/a/b",0\r\n')


def test_text_is_utf_8_without_a_mark() -> None:
    assert report(["東"]).splitlines()[1].startswith('"東",'.encode())
    assert report(["東"]).startswith(b"Channel")


def test_the_file_stays_open_and_whole() -> None:
    file = io.BytesIO()
    write([Row("x" * 250, 1.0, "x", "/x", 1)] * 1000, file)
    assert not file.closed
    assert file.getvalue().count(b"\r\n") == 1001


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
@pytest.mark.parametrize("rest", ["", "1", "cmd|' /C calc'!A0", '",=1'])
def test_what_starts_like_a_formula_is_made_harmless(start: str, rest: str) -> None:
    assert harmless(start + rest) == "'" + start + rest


@pytest.mark.parametrize("start", ["\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_full_width_formulas_are_made_harmless(start: str) -> None:
    assert harmless(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("title", ["a=b", "1+1", "a-b", "me@example.com", "'=1", "", "7.5"])
def test_other_cells_stay_as_they_are(title: str) -> None:
    assert harmless(title) == title


def test_titles_and_slugs_are_both_made_harmless() -> None:
    file = io.BytesIO()
    write([Row("=1", 1.0, "-a", "/-a", 1)], file)
    assert file.getvalue().splitlines()[1] == b'"\'=1",1.0,"\'-a","/-a",1'


@given(ANY_TITLE)
@example("==a")
@example("'=a")
def test_no_cell_starts_a_formula(title: str) -> None:
    cell = as_python_reads(report([title]), Path())[1][0]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert cell.removeprefix("'") in (title, title.removeprefix("'"))
