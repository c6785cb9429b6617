"""Moving channels and contents over HTTP, and what becomes of the links to them."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.models import Group
from infra.gateway import Reply
from tests.build import channel, put
from tests.functional.conftest import Get, body
from tests.functional.editing import a_library, broken, totals

pytestmark = pytest.mark.usefixtures("aws")

MOVIES = "/storage/video/movies"
ALIEN = f"{MOVIES}/alien"


@pytest.fixture(autouse=True)
def library(aws: None) -> None:
    put([*a_library(), channel("audio", "storage"), channel("archive")])


def move(edit: Get, path: str, to: str | None) -> str:
    """Moves a channel and returns its new path."""
    return str(body(edit(path, "PATCH", {"superchannel": to}))["path"])


def target(reply: Reply) -> str:
    """Where a redirect leads to."""
    assert reply.status == 308, reply
    url = urlsplit(reply.headers["Location"])
    assert (url.scheme, url.netloc) == ("https", "api.example.com")
    return url.path + (f"?{url.query}" if url.query else "")


def lands(edit: Get, path: str) -> str | None:
    """The path of what a link leads to in at most one hop, or None if nowhere."""
    reply = edit(path)
    if reply.status == 308:
        reply = edit(target(reply))
        assert reply.status == 200, f"{path} leads to {reply}"
    return str(body(reply)["path"]) if reply.status == 200 else None


# ---- moves


@pytest.mark.parametrize(
    ("path", "to", "after"),
    [
        (MOVIES, "archive", "/archive/movies"),
        (MOVIES, "storage", "/storage/movies"),  # up
        (MOVIES, "shows", "/storage/video/shows/movies"),  # down
        (MOVIES, "audio", "/storage/audio/movies"),
        (MOVIES, None, "/movies"),
        ("/storage/video", None, "/video"),
        ("/storage", "archive", "/archive/storage"),
        ("/archive", "shows", "/storage/video/shows/archive"),
    ],
)
def test_a_channel_moves_with_all_that_is_below(
    edit: Get, path: str, to: str | None, after: str
) -> None:
    reply = edit(path, "PATCH", {"superchannel": to})
    assert body(reply)["path"] == after
    assert body(reply)["superchannel"] == to
    page = edit(after)
    assert body(reply).items() <= body(page).items()
    assert page.headers["ETag"].startswith(reply.headers["ETag"].partition(".")[0])
    above = after.rpartition("/")[0] or "/"
    assert body(reply)["slug"] in [item["slug"] for item in body(edit(above))["subchannels"]]
    if ALIEN.startswith(path):
        assert body(edit(after + ALIEN.removeprefix(path)))["name"] == "Alien"
    assert broken() == []


def test_a_content_moves_with_its_rating(edit: Get) -> None:
    put([channel("more", "archive")])
    found = body(edit(ALIEN, "PATCH", {"channel": "more"}))
    assert (found["path"], found["channel"]) == ("/archive/more/alien", "more")
    assert body(edit("/archive/more/alien")) == found
    assert (totals("movies"), totals("more")) == ((0, 0, 0), (1, 8.5, 1))
    found = body(
        edit("/archive/more/alien", "PATCH", {"channel": "audio", "rating": 2, "name": "A"})
    )
    assert (found["path"], found["rating"], found["name"]) == ("/storage/audio/alien", 2, "A")
    assert (totals("more"), totals("audio")) == ((0, 0, 0), (1, 2, 1))
    assert broken() == []


def test_what_can_not_be_there_stays_where_it_is(edit: Get) -> None:
    sent: dict[str, Any]
    for path, sent, status, says in (
        ("/storage", {"superchannel": "storage"}, 409, "storage can't be moved to itself"),
        ("/storage", {"superchannel": "video"}, 409, "below"),
        ("/storage", {"superchannel": "shows"}, 409, "below"),
        ("/storage/video", {"superchannel": "shows"}, 409, "below"),
        ("/archive", {"superchannel": "movies"}, 409, "movies has contents"),
        ("/archive", {"superchannel": "alien"}, 409, "alien is a content"),
        (ALIEN, {"channel": "video"}, 409, "video has subchannels"),
        (ALIEN, {"channel": "alien"}, 409, "alien"),
        ("/archive", {"superchannel": "nowhere"}, 400, "There is no channel nowhere"),
        (ALIEN, {"channel": "nowhere"}, 400, "There is no channel nowhere"),
        (ALIEN, {"channel": None}, 400, "null"),
        (ALIEN, {"superchannel": "archive"}, 400, "unknown"),
        (MOVIES, {"channel": "archive"}, 400, "unknown"),
        (MOVIES, {"superchannel": "/"}, 400, "superchannel"),
        (MOVIES, {"superchannel": "/archive"}, 400, "superchannel"),
        (MOVIES, {"superchannel": ""}, 400, "superchannel"),
        (MOVIES, {"superchannel": ["archive"]}, 400, "superchannel"),
    ):
        before = body(edit(path))
        found = body(edit(path, "PATCH", sent | {"active": False}), status)
        assert says in found["detail"]
        if status == 400:
            assert [error["field"] for error in found["errors"]] == list(sent)
        assert body(edit(path)) == before
    assert broken() == []


def test_a_move_to_where_it_is_changes_nothing(edit: Get) -> None:
    before = edit(MOVIES)
    assert move(edit, MOVIES, "video") == MOVIES
    assert move(edit, "/storage", None) == "/storage"
    assert edit(MOVIES) == before


def test_the_channels_above_get_into_the_groups_of_what_comes(edit: Get) -> None:
    for slug in ("kids", "news"):
        Group(slug, title=slug).save()
    body(edit(MOVIES, "PATCH", {"groups": ["kids"]}))
    put([channel("deep", "archive")])
    assert move(edit, "/storage/video", "deep") == "/archive/deep/video"
    for path, groups in (
        ("/archive", ["kids"]),
        ("/archive/deep", ["kids"]),
        ("/storage", ["kids"]),
    ):
        assert body(edit(path))["groups"] == groups
    body(
        edit("/archive/deep/video", "PATCH", {"superchannel": "audio", "groups": ["kids", "news"]})
    )
    assert body(edit("/storage"))["groups"] == ["kids", "news"]
    assert body(edit("/storage/audio"))["groups"] == ["kids", "news"]
    assert body(edit("/archive"))["groups"] == ["kids"]
    body(edit("/storage/audio/video", "PATCH", {"superchannel": None, "groups": ["kids"]}))
    assert broken() == []


def test_a_move_that_was_decided_on_another_state_is_refused(edit: Get) -> None:
    etag = edit(MOVIES).headers["ETag"]
    moved = edit(MOVIES, "PATCH", {"superchannel": "archive"}, If_Match=etag)
    assert body(moved)["path"] == "/archive/movies"
    body(edit("/archive/movies", "PATCH", {"superchannel": "video"}, If_Match=etag), 412)
    again = {"superchannel": "video"}
    body(edit("/archive/movies", "PATCH", again, If_Match=moved.headers["ETag"]))
