"""Idempotency-Key: a create that is sent again, as its answer was lost, makes nothing twice."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from chalicelib.models import Answer
from tests.build import channel, content, put
from tests.functional.conftest import Get, body
from tests.functional.editing import a_channel, a_content, broken, totals

pytestmark = pytest.mark.usefixtures("aws")

KEY = "3f0c-1"


@pytest.fixture
def get(get: Get) -> Get:
    """Sends everything as an editor."""
    return partial(get, Authorization="editors")


@pytest.fixture(autouse=True)
def library(aws: None) -> None:
    put([channel("video"), channel("movies", "video"), channel("audio")])


def nothing(get: Get) -> None:
    pass


def change(get: Get) -> None:
    body(get("/video/movies/alien", "PATCH", {"name": "Aliens", "rating": 3, "active": False}))


def move(get: Get) -> None:
    body(get("/video/movies/alien", "PATCH", {"channel": "audio"}))


def delete(get: Get) -> None:
    assert get("/video/movies/alien", "DELETE").status == 204


def delete_above(get: Get) -> None:
    assert get("/video?below=delete", "DELETE").status == 204


def take_the_slug(get: Get) -> None:
    delete(get)
    body(get("/audio", "POST", a_content("Alien", rating=2)), 201)


@pytest.mark.parametrize(
    "meanwhile",
    [nothing, change, move, delete, delete_above, take_the_slug],
    ids=lambda f: f.__name__,
)
def test_the_first_answer_is_given_again(get: Get, meanwhile: Callable[[Get], None]) -> None:
    sent = a_content("Alien", rating=8.5, metadata={"a": [1.5]})
    send = partial(get, "/video/movies", "POST", sent, Idempotency_Key=KEY)
    first = send()
    assert body(first, 201)["path"] == "/video/movies/alien"
    assert first.headers["Location"] == "https://api.example.com/video/movies/alien"
    meanwhile(get)
    before = totals("audio")
    assert send() == first
    assert send() == first
    assert totals("audio") == before
    assert broken() == []


def test_nothing_is_made_twice(get: Get) -> None:
    for _ in range(3):
        get("/video/movies", "POST", a_content("Alien"), Idempotency_Key=KEY)
        get("/", "POST", a_channel("New"), Idempotency_Key="another")
    assert totals("movies") == (1, 1, 1)
    assert [item["slug"] for item in body(get("/"))["subchannels"]] == ["audio", "new", "video"]


def test_the_suffix_that_a_slug_got_is_remembered(get: Get) -> None:
    send = partial(get, "/", "POST", a_channel("Video"), Idempotency_Key=KEY)
    first = send()
    assert body(first, 201)["slug"] == "video-2"
    assert send() == first


def test_an_etag_that_is_given_again_is_one_that_if_match_takes(get: Get) -> None:
    send = partial(get, "/video", "POST", a_channel("New"), Idempotency_Key=KEY)
    send()
    etag = send().headers["ETag"]
    assert get("/video/new", "PATCH", {"title": "Newer"}, If_Match=etag).status == 200
    assert get("/video/new", "PATCH", {"title": "Newest"}, If_Match=etag).status == 412


def test_what_was_made_in_the_place_of_a_deleted_channel_has_the_same_etag_again(get: Get) -> None:
    body(get("/video/movies", "PATCH", {"superchannel": "audio"}))  # links lead through video now
    assert get("/video", "DELETE").status == 204
    send = partial(get, "/", "POST", a_channel("Video"), Idempotency_Key=KEY)
    first = send()
    assert body(first, 201)["path"] == "/video"
    assert send() == first
    tag = get("/video").headers["ETag"].partition(".")[0]
    assert first.headers["ETag"].startswith(tag)


def test_another_request_under_the_same_key_is_refused(get: Get) -> None:
    body(get("/video/movies", "POST", a_content("Alien"), Idempotency_Key=KEY), 201)
    for target, sent in (
        ("/video/movies", a_content("Alien", rating=2)),
        ("/audio", a_content("Alien")),
        ("/video", a_channel("Alien")),
        ("/-/groups", {"title": "Alien"}),
    ):
        reply = get(target, "POST", sent, Idempotency_Key=KEY)
        assert "Idempotency-Key" in body(reply, 422)["detail"]
    assert totals("movies") == (1, 1, 1)
    assert totals("audio") == (0, 0, 0)
    assert body(get("/-/groups"))["groups"] == []


def test_the_keys_of_different_callers_are_different(get: Get) -> None:
    send = partial(get, "/", "POST", a_channel("New"), Idempotency_Key=KEY)
    slugs = [
        body(send(Authorization=caller), 201)["slug"]
        for caller in ("editors", "admins", "editors", "admins")
    ]
    assert slugs == ["new", "new-2", "new", "new-2"]
    other = get(
        "/", "POST", a_channel("Other"), Idempotency_Key=KEY, Authorization="admins,editors"
    )
    assert body(other, 201)["slug"] == "other"


def test_a_malformed_key_is_refused(get: Get) -> None:
    for key in ("", " ", "a b", "a\tb", "a" * 256, "ключ", "a\x7f"):
        for target, sent in (("/", a_channel("New")), ("/-/groups", {"title": "New"})):
            found = body(get(target, "POST", sent, Idempotency_Key=key), 400)
            assert "1 to 255 printable ASCII characters" in found["detail"]
    assert get("/new").status == 404


def test_a_key_is_any_other_text(get: Get) -> None:
    for key in ("a" * 255, '"quoted"', "!~"):
        send = partial(get, "/", "POST", a_channel("New"), Idempotency_Key=key)
        assert body(send(), 201) == body(send(), 201)


def test_without_a_key_two_are_made(get: Get) -> None:
    assert body(get("/", "POST", a_channel("New")), 201)["slug"] == "new"
    assert body(get("/", "POST", a_channel("New")), 201)["slug"] == "new-2"


def test_what_was_refused_is_not_remembered(get: Get) -> None:
    put([content("alien", "movies")])
    send = partial(get, "/video", "POST", a_channel("Alien", slug="alien"), Idempotency_Key=KEY)
    body(send(), 409)
    assert get("/video/movies/alien", "DELETE").status == 204
    assert body(send(), 201)["path"] == "/video/alien"
    body(get("/nothing", "POST", a_channel("New"), Idempotency_Key="other"), 404)
    body(get("/", "POST", a_channel("New"), Idempotency_Key="other"), 201)


def test_groups_are_made_once_too(get: Get) -> None:
    send = partial(get, "/-/groups", "POST", {"title": "Kids"}, Idempotency_Key=KEY)
    first = send()
    assert body(first, 201)["slug"] == "kids"
    assert send() == first
    body(get("/-/groups/kids", "PATCH", {"title": "Children"}))
    assert send() == first
    assert get("/-/groups/kids", "DELETE").status == 204
    assert send() == first
    assert body(get("/-/groups"))["groups"] == []
    refused = get("/-/groups", "POST", {"title": "Other"}, Idempotency_Key=KEY)
    assert "Idempotency-Key" in body(refused, 422)["detail"]


@pytest.mark.parametrize("target", ["/", "/-/groups"])
def test_a_key_is_forgotten_once_it_has_expired(get: Get, target: str) -> None:
    sent = {"title": "New"} if target == "/-/groups" else a_channel("New")
    send = partial(get, target, "POST", sent, Idempotency_Key=KEY)
    first = send()
    (answer,) = Answer.scan()
    assert answer.expires == pytest.approx(time.time() + 24 * 60 * 60, abs=60)
    # DynamoDB deletes it some time later, so it is still there.
    answer.update([Answer.expires.set(int(time.time()) - 10)])
    second = send()
    assert body(second, 201)["slug"] == "new-2"
    assert send() == second != first
    assert len(list(Answer.scan())) == 1
