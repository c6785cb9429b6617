"""What becomes of the links to what was moved."""

import random
from urllib.parse import urlsplit

import pytest

from chalicelib.models import Channel
from chalicelib.paths import ORIGIN
from infra.gateway import Reply
from tests.build import channel, put
from tests.functional.conftest import Get, body
from tests.functional.editing import (
    a_channel,
    a_content,
    a_library,
    broken,
    traffic,
)

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


def test_an_old_link_says_where_to(edit: Get) -> None:
    move(edit, MOVIES, "archive")
    reply = edit(MOVIES)
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
    head = edit(MOVIES, "HEAD")
    assert (head.status, head.body) == (308, b"")
    assert head.headers == reply.headers


def test_an_old_link_keeps_its_query_and_its_stage(edit: Get) -> None:
    move(edit, MOVIES, "archive")
    found = target(edit("/Storage//VIDEO/m%6Fvies/?limit=1&group=a%26b%C3%A9"))
    assert found == "/archive/movies?limit=1&group=a%26b%C3%A9"
    assert edit(found).status == 200
    own = "abc.execute-api.us-east-1.amazonaws.com"
    reply = edit(MOVIES, Host=own)
    assert reply.headers["Location"] == f"https://{own}/api/archive/movies"
    body(edit(f"{MOVIES}?limit=0"), 400)


def test_what_is_below_is_found_by_its_old_link_too(edit: Get) -> None:
    move(edit, "/storage/video", None)
    for path in (MOVIES, ALIEN, "/storage/video/shows"):
        assert target(edit(path)) == path.removeprefix("/storage")
    new = body(edit("/video/movies", "POST", a_content("New")), 201)
    assert lands(edit, new["path"]) == "/video/movies/new"


def test_a_moved_content_is_found_by_its_old_link(edit: Get) -> None:
    body(edit(ALIEN, "PATCH", {"channel": "audio"}))
    assert target(edit(ALIEN)) == "/storage/audio/alien"
    move(edit, "/storage/audio", "archive")
    assert target(edit(ALIEN)) == "/archive/audio/alien"
    assert target(edit("/storage/audio/alien")) == "/archive/audio/alien"


def test_links_from_before_any_move_lead_there_in_one_hop(edit: Get) -> None:
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
        moved = move(edit, path, to)
        paths.append(f"{moved}/alien" if moved.endswith("movies") else f"{moved}/movies/alien")
    now = "/storage/audio/archive/movies/alien"
    assert paths[-1] == now
    for path in (ALIEN, paths[1], paths[2], "/archive/video/movies/alien"):
        assert target(edit(path)) == now
    assert edit(now).status == 200


def test_what_moved_back_is_where_it_was_and_no_link_leads_in_a_circle(edit: Get) -> None:
    for _ in range(2):
        assert move(edit, MOVIES, "archive") == "/archive/movies"
        assert (edit("/archive/movies").status, target(edit(ALIEN))) == (
            200,
            "/archive/movies/alien",
        )
        assert move(edit, "/archive/movies", "video") == MOVIES
        assert (edit(ALIEN).status, target(edit("/archive/movies"))) == (200, MOVIES)


def test_a_swap_of_two_channels_leaves_links_to_both(edit: Get) -> None:
    move(edit, "/storage/video/shows", "audio")
    move(edit, "/storage/video", "shows")  # shows was below video
    assert lands(edit, "/storage/video/shows") == "/storage/audio/shows"
    assert lands(edit, ALIEN) == "/storage/audio/shows/video/movies/alien"


def test_links_lead_through_channels_that_were_deleted(edit: Get) -> None:
    move(edit, MOVIES, "archive")
    assert edit("/storage?below=delete", "DELETE").status == 204
    assert target(edit(ALIEN)) == "/archive/movies/alien"
    for gone in ("/storage", "/storage/video", "/storage/video/shows"):
        assert edit(gone).status == 404
    move(edit, "/archive/movies", None)
    assert target(edit(ALIEN)) == "/movies/alien"
    assert edit("/archive", "DELETE").status == 204
    assert target(edit("/archive/movies/alien")) == "/movies/alien"
    assert broken() == []


def test_what_was_detached_is_found_by_its_old_links(edit: Get) -> None:
    assert edit("/storage/video?below=detach", "DELETE").status == 204
    assert target(edit(ALIEN)) == "/movies/alien"
    assert target(edit("/storage/video/shows")) == "/shows"
    assert edit("/storage/video").status == 404


@pytest.mark.parametrize("reused", ["there", "elsewhere", "by a content"])
def test_links_lead_through_a_slug_that_something_else_has_now(edit: Get, reused: str) -> None:
    move(edit, MOVIES, "archive")
    assert edit("/storage/video?below=delete", "DELETE").status == 204
    above, sent = {
        "there": ("/storage", a_channel("Video")),
        "elsewhere": ("/storage/audio", a_channel("Video")),
        "by a content": ("/storage/audio", a_content("Video")),
    }[reused]
    new = body(edit(above, "POST", sent), 201)["path"]
    assert new == f"{above}/video"
    assert target(edit(ALIEN)) == "/archive/movies/alien"
    assert edit(new).status == 200
    if reused != "there":
        assert edit("/storage/video").status == 404  # the new one never was here
    # And once that is gone as well:
    assert edit(new, "DELETE").status == 204
    assert target(edit(ALIEN)) == "/archive/movies/alien"
    assert edit(new).status == 404
    body(edit("/archive", "POST", a_channel("Video")), 201)
    assert target(edit(ALIEN)) == "/archive/movies/alien"
    assert broken() == []


def test_a_link_that_never_was_right_leads_nowhere(edit: Get) -> None:
    move(edit, MOVIES, "archive")
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
        assert edit(path).status == 404, path


def test_the_link_of_what_was_deleted_leads_nowhere(edit: Get) -> None:
    move(edit, MOVIES, "archive")
    assert edit("/archive/movies?below=delete", "DELETE").status == 204
    assert (edit(MOVIES).status, edit(ALIEN).status) == (404, 404)
    body(edit("/archive", "POST", a_channel("Movies")), 201)
    assert edit(MOVIES).status == 404  # the new one never was there


def test_an_old_link_does_not_tell_of_what_is_hidden(edit: Get) -> None:
    move(edit, MOVIES, "archive")
    for hidden in ("/archive", "/archive/movies", "/archive/movies/alien"):
        body(edit(hidden, "PATCH", {"active": False}))
        assert edit(ALIEN).status == 404
        assert edit(ALIEN, "HEAD").status == 404
        assert target(edit(f"/-/preview{ALIEN}")) == "/-/preview/archive/movies/alien"
        body(edit(hidden, "PATCH", {"active": True}))
    body(edit("/storage", "PATCH", {"active": False}))  # which isn't above it any more
    assert target(edit(ALIEN)) == "/archive/movies/alien"


def test_a_preview_leads_to_a_preview(edit: Get) -> None:
    move(edit, MOVIES, "archive")
    reply = edit(f"/-/preview{MOVIES}?limit=5")
    assert target(reply) == "/-/preview/archive/movies?limit=5"
    assert reply.headers["Cache-Control"] == "no-store"
    assert body(edit(target(reply)))["path"] == "/archive/movies"


def test_a_write_to_an_old_link_is_told_where_to_and_does_nothing(edit: Get) -> None:
    move(edit, MOVIES, "archive")
    before = body(edit("/archive/movies"))
    for method, sent, query in (
        ("POST", a_content("New"), ""),
        ("PATCH", {"title": "New"}, ""),
        ("PATCH", {"superchannel": "audio"}, ""),
        ("DELETE", b"", ""),
        ("DELETE", b"", "?below=delete"),
    ):
        reply = edit(MOVIES + query, method, sent, If_Match='"x"')
        assert target(reply) == "/archive/movies" + query
        assert reply.headers["Cache-Control"] == "no-store"
    assert body(edit("/archive/movies")) == before


# ---- what an old link costs


@pytest.mark.parametrize(
    ("to", "levels"),
    [(None, 0), ("archive", 1), ("deep", 2), ("audio", 1), ("storage", 0)],
)
def test_finding_out_costs_no_more_than_a_read_and_the_levels_that_are_not_on_the_path(
    edit: Get, to: str | None, levels: int
) -> None:
    put([channel("deep", "archive")])
    move(edit, MOVIES, to)
    with traffic() as sent:
        new = target(edit(ALIEN))
    found_out = [request.operation for request in sent[:3]]
    assert sorted(found_out) == ["BatchGetItem", "Query", "Query"]
    assert [request.operation for request in sent[3:]] == ["BatchGetItem"] * levels
    with traffic() as sent:
        assert edit(new).status == 200
    assert len(sent) == 3


# ---- all of it, at random


@pytest.mark.parametrize("seed", range(2))
def test_every_link_that_ever_was_right_is_right_or_leads_there(edit: Get, seed: int) -> None:
    draw = random.Random(seed)
    links: dict[str, set[str]] = {}  # of each path, the channels (by when they were born) it named
    slugs = ["storage", "video", "movies", "shows", "audio", "archive"]
    assert edit(ALIEN, "DELETE").status == 204  # so that any channel may go anywhere
    for _ in range(14):
        there = {found.slug: found for found in Channel.scan()}
        paths = {slug: path_of(slug, there) for slug in there}
        for slug, path in paths.items():
            links.setdefault(path, set()).add(str(there[slug].born))
        slug, to = draw.choice(slugs), draw.choice(slugs)
        if slug not in there:
            body(edit(paths.get(to, "/"), "POST", a_channel(slug, slug=slug)), 201)
        elif draw.random() < 0.25:
            assert edit(f"{paths[slug]}?below=detach", "DELETE").status == 204
        else:
            edit(paths[slug], "PATCH", {"superchannel": to if to in there else None})
    there = {found.slug: found for found in Channel.scan()}
    for path, born in links.items():
        slug = path.rpartition("/")[2]
        now = path_of(slug, there) if slug in there else None
        # What was deleted may have a namesake, to which the link may lead or not.
        lost = now is None or str(there[slug].born) not in born
        assert lands(edit, path) in ({now, None} if lost else {now}), path
    assert broken() == []


def path_of(slug: str, there: dict[str, Channel]) -> str:
    """The path of a channel, by its pointers up."""
    above = there[slug].superchannel
    return (path_of(above, there) if above != ORIGIN else "") + f"/{slug}"
