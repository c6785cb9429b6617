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


@pytest.fixture(autouse=True)
def library(aws: None) -> None:
    put([channel("video"), channel("movies", "video"), channel("audio")])


def nothing(edit: Get) -> None:
    pass


def change(edit: Get) -> None:
    body(edit("/video/movies/alien", "PATCH", {"name": "Aliens", "rating": 3, "active": False}))


def move(edit: Get) -> None:
    body(edit("/video/movies/alien", "PATCH", {"channel": "audio"}))


def delete(edit: Get) -> None:
    assert edit("/video/movies/alien", "DELETE").status == 204


def delete_above(edit: Get) -> None:
    assert edit("/video?below=delete", "DELETE").status == 204


def take_the_slug(edit: Get) -> None:
    delete(edit)
    body(edit("/audio", "POST", a_content("Alien", rating=2)), 201)


@pytest.mark.parametrize(
    "meanwhile",
    [nothing, change, move, delete, delete_above, take_the_slug],
    ids=lambda f: f.__name__,
)
def test_the_first_answer_is_given_again(edit: Get, meanwhile: Callable[[Get], None]) -> None:
    sent = a_content("Alien", rating=8.5, metadata={"a": [1.5]})
    send = partial(edit, "/video/movies", "POST", sent, Idempotency_Key=KEY)
    first = send()
    assert body(first, 201)["path"] == "/video/movies/alien"
    assert first.headers["Location"] == "https://api.example.com/video/movies/alien"
    meanwhile(edit)
    before = totals("audio")
    assert send() == first
    assert send() == first
    assert totals("audio") == before
    assert broken() == []


def test_nothing_is_made_twice(edit: Get) -> None:
    for _ in range(3):
        edit("/video/movies", "POST", a_content("Alien"), Idempotency_Key=KEY)
        edit("/", "POST", a_channel("New"), Idempotency_Key="another")
    assert totals("movies") == (1, 1, 1)
    assert [item["slug"] for item in body(edit("/"))["subchannels"]] == ["audio", "new", "video"]


def test_the_suffix_that_a_slug_got_is_remembered(edit: Get) -> None:
    send = partial(edit, "/", "POST", a_channel("Video"), Idempotency_Key=KEY)
    first = send()
    assert body(first, 201)["slug"] == "video-2"
    assert send() == first


def test_an_etag_that_is_given_again_is_one_that_if_match_takes(edit: Get) -> None:
    send = partial(edit, "/video", "POST", a_channel("New"), Idempotency_Key=KEY)
    send()
    etag = send().headers["ETag"]
    assert edit("/video/new", "PATCH", {"title": "Newer"}, If_Match=etag).status == 200
    assert edit("/video/new", "PATCH", {"title": "Newest"}, If_Match=etag).status == 412


def test_what_was_made_in_the_place_of_a_deleted_channel_has_the_same_etag_again(edit: Get) -> None:
    body(edit("/video/movies", "PATCH", {"superchannel": "audio"}))  # links lead through video now
    assert edit("/video", "DELETE").status == 204
    send = partial(edit, "/", "POST", a_channel("Video"), Idempotency_Key=KEY)
    first = send()
    assert body(first, 201)["path"] == "/video"
    assert send() == first
    tag = edit("/video").headers["ETag"].partition(".")[0]
    assert first.headers["ETag"].startswith(tag)


def test_another_request_under_the_same_key_is_refused(edit: Get) -> None:
    body(edit("/video/movies", "POST", a_content("Alien"), Idempotency_Key=KEY), 201)
    for target, sent in (
        ("/video/movies", a_content("Alien", rating=2)),
        ("/audio", a_content("Alien")),
        ("/video", a_channel("Alien")),
        ("/-/groups", {"title": "Alien"}),
    ):
        reply = edit(target, "POST", sent, Idempotency_Key=KEY)
        assert "Idempotency-Key" in body(reply, 422)["detail"]
    assert totals("movies") == (1, 1, 1)
    assert totals("audio") == (0, 0, 0)
    assert body(edit("/-/groups"))["groups"] == []


def test_the_keys_of_different_callers_are_different(edit: Get) -> None:
    send = partial(edit, "/", "POST", a_channel("New"), Idempotency_Key=KEY)
    slugs = [
        body(send(Authorization=caller), 201)["slug"]
        for caller in ("editors", "admins", "editors", "admins")
    ]
    assert slugs == ["new", "new-2", "new", "new-2"]
    other = edit(
        "/", "POST", a_channel("Other"), Idempotency_Key=KEY, Authorization="admins,editors"
    )
    assert body(other, 201)["slug"] == "other"


def test_a_malformed_key_is_refused(edit: Get) -> None:
    for key in ("", " ", "a b", "a\tb", "a" * 256, "ключ", "a\x7f"):
        for target, sent in (("/", a_channel("New")), ("/-/groups", {"title": "New"})):
            found = body(edit(target, "POST", sent, Idempotency_Key=key), 400)
            assert "1 to 255 printable ASCII characters" in found["detail"]
    assert edit("/new").status == 404


def test_a_key_is_any_other_text(edit: Get) -> None:
    for key in ("a" * 255, '"quoted"', "!~"):
        send = partial(edit, "/", "POST", a_channel("New"), Idempotency_Key=key)
        assert body(send(), 201) == body(send(), 201)


def test_without_a_key_two_are_made(edit: Get) -> None:
    assert body(edit("/", "POST", a_channel("New")), 201)["slug"] == "new"
    assert body(edit("/", "POST", a_channel("New")), 201)["slug"] == "new-2"


def test_what_was_refused_is_not_remembered(edit: Get) -> None:
    put([content("alien", "movies")])
    send = partial(edit, "/video", "POST", a_channel("Alien", slug="alien"), Idempotency_Key=KEY)
    body(send(), 409)
    assert edit("/video/movies/alien", "DELETE").status == 204
    assert body(send(), 201)["path"] == "/video/alien"
    body(edit("/nothing", "POST", a_channel("New"), Idempotency_Key="other"), 404)
    body(edit("/", "POST", a_channel("New"), Idempotency_Key="other"), 201)


def test_groups_are_made_once_too(edit: Get) -> None:
    send = partial(edit, "/-/groups", "POST", {"title": "Kids"}, Idempotency_Key=KEY)
    first = send()
    assert body(first, 201)["slug"] == "kids"
    assert send() == first
    body(edit("/-/groups/kids", "PATCH", {"title": "Children"}))
    assert send() == first
    assert edit("/-/groups/kids", "DELETE").status == 204
    assert send() == first
    assert body(edit("/-/groups"))["groups"] == []
    refused = edit("/-/groups", "POST", {"title": "Other"}, Idempotency_Key=KEY)
    assert "Idempotency-Key" in body(refused, 422)["detail"]


@pytest.mark.parametrize("target", ["/", "/-/groups"])
def test_a_key_is_forgotten_once_it_has_expired(edit: Get, target: str) -> None:
    sent = {"title": "New"} if target == "/-/groups" else a_channel("New")
    send = partial(edit, target, "POST", sent, Idempotency_Key=KEY)
    first = send()
    (answer,) = Answer.scan()
    assert answer.expires == pytest.approx(time.time() + 24 * 60 * 60, abs=60)
    # DynamoDB deletes it some time later, so it is still there.
    answer.update([Answer.expires.set(int(time.time()) - 10)])
    second = send()
    assert body(second, 201)["slug"] == "new-2"
    assert send() == second != first
    assert len(list(Answer.scan())) == 1
