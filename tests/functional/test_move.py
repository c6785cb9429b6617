"""Moving channels and contents over HTTP, and what becomes of the links to them."""

import random
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.models import Channel, Group
from chalicelib.paths import ORIGIN
from infra.gateway import Reply
from tests.build import channel, content, put
from tests.functional.conftest import Get, body
from tests.functional.editing import a_channel, a_content, broken, totals, traffic

pytestmark = pytest.mark.usefixtures("aws")

MOVIES = "/storage/video/movies"
ALIEN = f"{MOVIES}/alien"


@pytest.fixture
def get(get: Get) -> Get:
    """Sends everything as an editor."""
    return partial(get, Authorization="editors")


@pytest.fixture(autouse=True)
def library(aws: None) -> None:
    put(
        [
            channel("storage"),
            channel("video", "storage"),
            channel("movies", "video"),
            content("alien", "movies", "8.5"),
            channel("shows", "video"),
            channel("audio", "storage"),
            channel("archive"),
        ]
    )


def move(get: Get, path: str, to: str | None) -> str:
    """Moves a channel and returns its new path."""
    return str(body(get(path, "PATCH", {"superchannel": to}))["path"])


def target(reply: Reply) -> str:
    """Where a redirect leads to."""
    assert reply.status == 308, reply
    url = urlsplit(reply.headers["Location"])
    assert (url.scheme, url.netloc) == ("https", "api.example.com")
    return url.path + (f"?{url.query}" if url.query else "")


def lands(get: Get, path: str) -> str | None:
    """The path of what a link leads to in at most one hop, or None if nowhere."""
    reply = get(path)
    if reply.status == 308:
        reply = get(target(reply))
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
    get: Get, path: str, to: str | None, after: str
) -> None:
    reply = get(path, "PATCH", {"superchannel": to})
    assert body(reply)["path"] == after
    assert body(reply)["superchannel"] == to
    page = get(after)
    assert body(reply).items() <= body(page).items()
    assert page.headers["ETag"].startswith(reply.headers["ETag"].partition(".")[0])
    above = after.rpartition("/")[0] or "/"
    assert body(reply)["slug"] in [item["slug"] for item in body(get(above))["subchannels"]]
    if ALIEN.startswith(path):
        assert body(get(after + ALIEN.removeprefix(path)))["name"] == "Alien"
    assert broken() == []


def test_a_content_moves_with_its_rating(get: Get) -> None:
    put([channel("more", "archive")])
    found = body(get(ALIEN, "PATCH", {"channel": "more"}))
    assert (found["path"], found["channel"]) == ("/archive/more/alien", "more")
    assert body(get("/archive/more/alien")) == found
    assert (totals("movies"), totals("more")) == ((0, 0, 0), (1, 8.5, 1))
    found = body(
        get("/archive/more/alien", "PATCH", {"channel": "audio", "rating": 2, "name": "A"})
    )
    assert (found["path"], found["rating"], found["name"]) == ("/storage/audio/alien", 2, "A")
    assert (totals("more"), totals("audio")) == ((0, 0, 0), (1, 2, 1))
    assert broken() == []


def test_what_can_not_be_there_stays_where_it_is(get: Get) -> None:
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
        before = body(get(path))
        found = body(get(path, "PATCH", sent | {"active": False}), status)
        assert says in found["detail"]
        if status == 400:
            assert [error["field"] for error in found["errors"]] == list(sent)
        assert body(get(path)) == before
    assert broken() == []


def test_a_move_to_where_it_is_changes_nothing(get: Get) -> None:
    before = get(MOVIES)
    assert move(get, MOVIES, "video") == MOVIES
    assert move(get, "/storage", None) == "/storage"
    assert get(MOVIES) == before


def test_the_channels_above_get_into_the_groups_of_what_comes(get: Get) -> None:
    for slug in ("kids", "news"):
        Group(slug, title=slug).save()
    body(get(MOVIES, "PATCH", {"groups": ["kids"]}))
    put([channel("deep", "archive")])
    assert move(get, "/storage/video", "deep") == "/archive/deep/video"
    for path, groups in (
        ("/archive", ["kids"]),
        ("/archive/deep", ["kids"]),
        ("/storage", ["kids"]),
    ):
        assert body(get(path))["groups"] == groups
    body(get("/archive/deep/video", "PATCH", {"superchannel": "audio", "groups": ["kids", "news"]}))
    assert body(get("/storage"))["groups"] == ["kids", "news"]
    assert body(get("/storage/audio"))["groups"] == ["kids", "news"]
    assert body(get("/archive"))["groups"] == ["kids"]
    body(get("/storage/audio/video", "PATCH", {"superchannel": None, "groups": ["kids"]}))
    assert broken() == []


def test_a_move_that_was_decided_on_another_state_is_refused(get: Get) -> None:
    etag = get(MOVIES).headers["ETag"]
    moved = get(MOVIES, "PATCH", {"superchannel": "archive"}, If_Match=etag)
    assert body(moved)["path"] == "/archive/movies"
    body(get("/archive/movies", "PATCH", {"superchannel": "video"}, If_Match=etag), 412)
    again = {"superchannel": "video"}
    body(get("/archive/movies", "PATCH", again, If_Match=moved.headers["ETag"]))


# ---- links


def test_an_old_link_says_where_to(get: Get) -> None:
    move(get, MOVIES, "archive")
    reply = get(MOVIES)
    assert reply.headers["Location"] == "https://api.example.com/archive/movies"
    assert reply.headers["Cache-Control"] == "public, max-age=5"
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert body(reply, 308) == {
        "type": "about:blank",
        "title": "Permanent Redirect",
        "status": 308,
        "detail": "What was here was moved to /archive/movies.",
    }
    head = get(MOVIES, "HEAD")
    assert (head.status, head.body) == (308, b"")
    assert head.headers == reply.headers


def test_an_old_link_keeps_its_query_and_its_stage(get: Get) -> None:
    move(get, MOVIES, "archive")
    found = target(get("/Storage//VIDEO/m%6Fvies/?limit=1&group=a%26b%C3%A9"))
    assert found == "/archive/movies?limit=1&group=a%26b%C3%A9"
    assert get(found).status == 200
    own = "abc.execute-api.us-east-1.amazonaws.com"
    reply = get(MOVIES, Host=own)
    assert reply.headers["Location"] == f"https://{own}/api/archive/movies"
    body(get(f"{MOVIES}?limit=0"), 400)


def test_what_is_below_is_found_by_its_old_link_too(get: Get) -> None:
    move(get, "/storage/video", None)
    for path in (MOVIES, ALIEN, "/storage/video/shows"):
        assert target(get(path)) == path.removeprefix("/storage")
    new = body(get("/video/movies", "POST", a_content("New")), 201)
    assert lands(get, new["path"]) == "/video/movies/new"


def test_a_moved_content_is_found_by_its_old_link(get: Get) -> None:
    body(get(ALIEN, "PATCH", {"channel": "audio"}))
    assert target(get(ALIEN)) == "/storage/audio/alien"
    move(get, "/storage/audio", "archive")
    assert target(get(ALIEN)) == "/archive/audio/alien"
    assert target(get("/storage/audio/alien")) == "/archive/audio/alien"


def test_links_from_before_any_move_lead_there_in_one_hop(get: Get) -> None:
    paths = [ALIEN]
    for path, to in (
        (MOVIES, "shows"),
        ("/storage/video/shows", None),
        ("/storage/video", "archive"),
        ("/shows/movies", "video"),
        ("/archive/video", "storage"),
        ("/archive", "audio"),
        (MOVIES, "archive"),
    ):
        moved = move(get, path, to)
        paths.append(f"{moved}/alien" if moved.endswith("movies") else f"{moved}/movies/alien")
    now = "/storage/audio/archive/movies/alien"
    assert paths[-1] == now
    for path in (ALIEN, paths[1], paths[2], "/archive/video/movies/alien"):
        assert target(get(path)) == now
    assert get(now).status == 200


def test_what_moved_back_is_where_it_was_and_no_link_leads_in_a_circle(get: Get) -> None:
    for _ in range(2):
        assert move(get, MOVIES, "archive") == "/archive/movies"
        assert (get("/archive/movies").status, target(get(ALIEN))) == (200, "/archive/movies/alien")
        assert move(get, "/archive/movies", "video") == MOVIES
        assert (get(ALIEN).status, target(get("/archive/movies"))) == (200, MOVIES)


def test_a_swap_of_two_channels_leaves_links_to_both(get: Get) -> None:
    move(get, "/storage/video/shows", "audio")
    move(get, "/storage/video", "shows")  # shows was below video
    assert lands(get, "/storage/video/shows") == "/storage/audio/shows"
    assert lands(get, ALIEN) == "/storage/audio/shows/video/movies/alien"


def test_links_lead_through_channels_that_were_deleted(get: Get) -> None:
    move(get, MOVIES, "archive")
    assert get("/storage?below=delete", "DELETE").status == 204
    assert target(get(ALIEN)) == "/archive/movies/alien"
    for gone in ("/storage", "/storage/video", "/storage/video/shows"):
        assert get(gone).status == 404
    move(get, "/archive/movies", None)
    assert target(get(ALIEN)) == "/movies/alien"
    assert get("/archive", "DELETE").status == 204
    assert target(get("/archive/movies/alien")) == "/movies/alien"
    assert broken() == []


def test_what_was_detached_is_found_by_its_old_links(get: Get) -> None:
    assert get("/storage/video?below=detach", "DELETE").status == 204
    assert target(get(ALIEN)) == "/movies/alien"
    assert target(get("/storage/video/shows")) == "/shows"
    assert get("/storage/video").status == 404


@pytest.mark.parametrize("reused", ["there", "elsewhere", "by a content"])
def test_links_lead_through_a_slug_that_something_else_has_now(get: Get, reused: str) -> None:
    move(get, MOVIES, "archive")
    assert get("/storage/video?below=delete", "DELETE").status == 204
    above, sent = {
        "there": ("/storage", a_channel("Video")),
        "elsewhere": ("/storage/audio", a_channel("Video")),
        "by a content": ("/storage/audio", a_content("Video")),
    }[reused]
    new = body(get(above, "POST", sent), 201)["path"]
    assert new == f"{above}/video"
    assert target(get(ALIEN)) == "/archive/movies/alien"
    assert get(new).status == 200
    if reused != "there":
        assert get("/storage/video").status == 404  # the new one never was here
    # And once that is gone as well:
    assert get(new, "DELETE").status == 204
    assert target(get(ALIEN)) == "/archive/movies/alien"
    assert get(new).status == 404
    body(get("/archive", "POST", a_channel("Video")), 201)
    assert target(get(ALIEN)) == "/archive/movies/alien"
    assert broken() == []


def test_a_link_that_never_was_right_leads_nowhere(get: Get) -> None:
    move(get, MOVIES, "archive")
    for path in (
        "/storage/movies",  # a level left out
        "/movies",  # never was at the top
        "/storage/audio/movies",
        "/archive/video/movies",
        f"{MOVIES}/movies",
        f"{ALIEN}/alien",
        f"{MOVIES}/nothing",
        "/nothing/video/movies",
        "/storage/video/shows/movies",
    ):
        assert get(path).status == 404, path


def test_the_link_of_what_was_deleted_leads_nowhere(get: Get) -> None:
    move(get, MOVIES, "archive")
    assert get("/archive/movies?below=delete", "DELETE").status == 204
    assert (get(MOVIES).status, get(ALIEN).status) == (404, 404)
    body(get("/archive", "POST", a_channel("Movies")), 201)
    assert get(MOVIES).status == 404  # the new one never was there


def test_an_old_link_does_not_tell_of_what_is_hidden(get: Get) -> None:
    move(get, MOVIES, "archive")
    for hidden in ("/archive", "/archive/movies", "/archive/movies/alien"):
        body(get(hidden, "PATCH", {"active": False}))
        assert get(ALIEN).status == 404
        assert get(ALIEN, "HEAD").status == 404
        assert target(get(f"/-/preview{ALIEN}")) == "/-/preview/archive/movies/alien"
        body(get(hidden, "PATCH", {"active": True}))
    body(get("/storage", "PATCH", {"active": False}))  # which isn't above it any more
    assert target(get(ALIEN)) == "/archive/movies/alien"


def test_a_preview_leads_to_a_preview(get: Get) -> None:
    move(get, MOVIES, "archive")
    reply = get(f"/-/preview{MOVIES}?limit=5")
    assert target(reply) == "/-/preview/archive/movies?limit=5"
    assert reply.headers["Cache-Control"] == "no-store"
    assert body(get(target(reply)))["path"] == "/archive/movies"


def test_a_write_to_an_old_link_is_told_where_to_and_does_nothing(get: Get) -> None:
    move(get, MOVIES, "archive")
    before = body(get("/archive/movies"))
    for method, sent, query in (
        ("POST", a_content("New"), ""),
        ("PATCH", {"title": "New"}, ""),
        ("PATCH", {"superchannel": "audio"}, ""),
        ("DELETE", b"", ""),
        ("DELETE", b"", "?below=delete"),
    ):
        reply = get(MOVIES + query, method, sent, If_Match='"x"')
        assert target(reply) == "/archive/movies" + query
        assert reply.headers["Cache-Control"] == "no-store"
    assert body(get("/archive/movies")) == before


# ---- what an old link costs


@pytest.mark.parametrize(
    ("to", "levels"),
    [(None, 0), ("archive", 1), ("deep", 2), ("audio", 1), ("storage", 0)],
)
def test_finding_out_costs_no_more_than_a_read_and_the_levels_that_are_not_on_the_path(
    get: Get, to: str | None, levels: int
) -> None:
    put([channel("deep", "archive")])
    move(get, MOVIES, to)
    with traffic() as sent:
        new = target(get(ALIEN))
    found_out = [request.operation for request in sent[:3]]
    assert sorted(found_out) == ["BatchGetItem", "Query", "Query"]
    assert [request.operation for request in sent[3:]] == ["BatchGetItem"] * levels
    with traffic() as sent:
        assert get(new).status == 200
    assert len(sent) == 3


# ---- all of it, at random


@pytest.mark.parametrize("seed", range(2))
def test_every_link_that_ever_was_right_is_right_or_leads_there(get: Get, seed: int) -> None:
    draw = random.Random(seed)
    links: dict[str, set[str]] = {}  # of each path, the channels (by when they were born) it named
    slugs = ["storage", "video", "movies", "shows", "audio", "archive"]
    assert get(ALIEN, "DELETE").status == 204  # so that any channel may go anywhere
    for _ in range(14):
        there = {found.slug: found for found in Channel.scan()}
        paths = {slug: path_of(slug, there) for slug in there}
        for slug, path in paths.items():
            links.setdefault(path, set()).add(str(there[slug].born))
        slug, to = draw.choice(slugs), draw.choice(slugs)
        if slug not in there:
            body(get(paths.get(to, "/"), "POST", a_channel(slug, slug=slug)), 201)
        elif draw.random() < 0.25:
            assert get(f"{paths[slug]}?below=detach", "DELETE").status == 204
        else:
            get(paths[slug], "PATCH", {"superchannel": to if to in there else None})
    there = {found.slug: found for found in Channel.scan()}
    for path, born in links.items():
        slug = path.rpartition("/")[2]
        now = path_of(slug, there) if slug in there else None
        # What was deleted may have a namesake, to which the link may lead or not.
        lost = now is None or str(there[slug].born) not in born
        assert lands(get, path) in ({now, None} if lost else {now}), path
    assert broken() == []


def path_of(slug: str, there: dict[str, Channel]) -> str:
    """The path of a channel, by its pointers up."""
    above = there[slug].superchannel
    return (path_of(above, there) if above != ORIGIN else "") + f"/{slug}"
