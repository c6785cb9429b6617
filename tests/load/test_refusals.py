"""What loading and dumping refuse for the sake of what is in the catalogue."""

import json
from typing import Any

import pytest

from chalicelib import transfer
from chalicelib.dumps import WrongRows
from chalicelib.errors import Conflict
from chalicelib.models import Content, Group, Item
from tests.build import channel, content, put

pytestmark = pytest.mark.usefixtures("client")


def dump_of(*rows: tuple[str, int, dict[str, Any]]) -> str:
    return json.dumps(
        [{"model": f"contents.{model}", "pk": pk, "fields": fields} for model, pk, fields in rows]
    )


TOP = {"title": "Top", "language": "English", "slug": "top"}
FILM = {"name": "Film", "file_url": "https://media.example.com/film.mp4", "channel": 1}


@pytest.mark.parametrize(
    ("there", "row", "pointer"),
    [
        (channel("sub", "top"), ("content", 1, FILM), "channel"),
        (
            content("old", "top"),
            ("channel", 2, {"title": "S", "language": "E", "superchannel": 1}),
            "superchannel",
        ),
    ],
)
def test_a_channel_that_holds_the_other_kind_is_found_before_anything_is_written(
    there: Item, row: tuple[str, int, dict[str, Any]], pointer: str
) -> None:
    put([channel("top", title="Top"), there])
    with pytest.raises(WrongRows) as refused:
        transfer.plan(dump_of(("channel", 1, TOP), row))
    assert [str(wrong) for wrong in refused.value.rows] == [
        f"row 2 (contents.{row[0]} pk {row[1]}): {pointer}: top holds the other kind by now."
    ]


def test_a_row_that_was_changed_after_it_was_loaded_is_not_loaded_a_second_time() -> None:
    dump = dump_of(("channel", 1, TOP), ("content", 1, FILM))
    transfer.carry_out(transfer.plan(dump), lambda rows: None)
    film = Content.get("film")
    film.update([Content.active.set(False), Content.name.set("Movie")])
    with pytest.raises(WrongRows) as refused:
        transfer.plan(dump)
    assert "film is in the catalogue, with another active, name." in str(refused.value.rows[0])


def test_what_differs_is_named() -> None:
    Group("g", title="G").save()
    put([channel("top", title="Bottom"), content("film", "top")])
    with pytest.raises(WrongRows) as refused:
        transfer.plan(
            dump_of(
                ("group", 1, {"title": "H", "slug": "g"}),
                ("channel", 1, TOP),
                ("channel", 2, {"title": "F", "language": "E", "slug": "film"}),
            )
        )
    assert [wrong.reason for wrong in refused.value.rows] == [
        "g is in the catalogue, with another title.",
        "top is in the catalogue, with another title.",
        "film is a thing of the other kind in the catalogue.",
    ]


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (channel("a", "gone"), "a is below gone, which isn't there."),
        (channel("a", groups={"gone"}), "a is in the group gone, which isn't there."),
    ],
)
def test_a_dump_of_pointers_that_lead_nowhere_is_refused_before_its_first_row(
    lost: Item, said: str
) -> None:
    lost.save()
    with pytest.raises(Conflict, match=said):
        transfer.dump()


def test_rows_of_one_name_are_named_in_one_go() -> None:
    rows = [("content", pk, FILM | {"file_url": f"https://e.example/{pk}"}) for pk in range(5000)]
    todo = transfer.plan(dump_of(("channel", 1, TOP), *rows))
    assert {item.slug for item in todo.items} == {
        "top",
        "film",
        *(f"film-{number}" for number in range(2, 5001)),
    }
