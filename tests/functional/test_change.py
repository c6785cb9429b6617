"""Changing channels, contents and groups over HTTP, where they are."""

from functools import partial
from typing import Any

import pytest

from chalicelib.models import Group
from tests.build import channel, content, put
from tests.functional.conftest import Get, body
from tests.functional.editing import a_channel, a_content, broken, totals, traffic

pytestmark = pytest.mark.usefixtures("aws")

ALIEN = "/video/movies/alien"


@pytest.fixture
def get(get: Get) -> Get:
    """Sends everything as an editor."""
    return partial(get, Authorization="editors")


@pytest.fixture(autouse=True)
def library(aws: None) -> None:
    put(
        [
            channel("video"),
            channel("movies", "video"),
            content("alien", "movies", "8.5"),
            content("brazil", "movies", "7.9"),
            channel("shows", "video"),
        ]
    )


def wrong_fields(reply: Any) -> list[str]:
    return sorted(error["field"] for error in body(reply, 400)["errors"])


# ---- fields


def test_every_field_of_a_channel_can_be_changed(get: Get) -> None:
    Group("kids", title="Kids").save()
    for field, value in (
        ("title", "Films"),
        ("language", "日本語"),
        ("active", False),
        ("picture_url", "https://x.example/p.png"),
        ("groups", ["kids"]),
    ):
        before = body(get("/-/preview/video/movies"))
        reply = get("/video/movies", "PATCH", {field: value})
        after = body(get("/-/preview/video/movies"))
        assert after == before | {field: value} != before
        assert body(reply).items() <= after.items()
        assert reply.headers["Cache-Control"] == "no-store"
    assert broken() == []


def test_every_field_of_a_content_can_be_changed(get: Get) -> None:
    for field, value in (
        ("name", "Aliens"),
        ("metadata", {"year": 1986}),
        ("file_url", "http://media.example.com/aliens.mp4"),
        ("active", False),
        ("rating", 8.4),
    ):
        before = body(get(f"/-/preview{ALIEN}"))
        reply = get(ALIEN, "PATCH", {field: value})
        assert body(reply) == before | {field: value} != before
        assert body(get(f"/-/preview{ALIEN}")) == body(reply)
    assert broken() == []


def test_every_field_of_a_group_can_be_changed(get: Get) -> None:
    Group("kids", title="Kids").save()
    before = body(get("/-/groups/kids"))
    for field, value in (
        ("title", "Children"),
        ("picture_url", "https://x.example/p.png"),
        ("active", False),
    ):
        after = body(get("/-/groups/kids", "PATCH", {field: value}))
        assert after == before | {field: value} != before
        # Changing nothing shows a group even if it is inactive.
        assert body(get("/-/groups/kids", "PATCH", {})) == after
        before = after


def test_many_fields_change_at_once_or_none_do(get: Get) -> None:
    body(get(ALIEN, "PATCH", {"name": "Aliens", "rating": 1, "metadata": {"a": 1}}))
    before = body(get(ALIEN))
    assert (before["name"], before["rating"], before["metadata"]) == ("Aliens", 1, {"a": 1})
    assert wrong_fields(get(ALIEN, "PATCH", {"name": "Alien", "rating": 11})) == ["rating"]
    assert body(get(ALIEN)) == before
    assert totals("movies") == (2, 8.9, 2)


@pytest.mark.parametrize(
    ("target", "sent", "wrong"),
    [
        (
            "/video/movies",
            {
                "title": "",
                "language": None,
                "slug": "films",
                "picture_url": "x",
                "active": 0,
                "colour": "red",
                "name": "A",
                "rating": 5,
                "groups": ["nothing"],
                "superchannel": "nowhere",
            },
            ["active", "colour", "groups", "language", "name", "picture_url", "rating", "slug",
             "superchannel", "title"],
        ),
        (
            ALIEN,
            {
                "name": None,
                "file_url": None,
                "slug": "alien",
                "rating": None,
                "active": None,
                "title": "A",
                "language": "A",
                "groups": [],
                "metadata": 5,
                "channel": "nowhere",
            },
            ["active", "channel", "file_url", "groups", "language", "metadata", "name", "rating",
             "slug", "title"],
        ),
        (
            "/-/groups/kids",
            {"title": None, "slug": "x", "active": "no", "picture_url": 5, "language": "A"},
            ["active", "language", "picture_url", "slug", "title"],
        ),
        ("/video/movies", {"kind": "channel", "path": "/", "superchannels": []},
         ["kind", "path", "superchannels"]),
        ("/video/movies", {"superchannel": "nowhere", "groups": ["nothing"]},
         ["groups", "superchannel"]),
    ],
)  # fmt: skip
def test_everything_that_is_wrong_is_named_at_once(
    get: Get, target: str, sent: Any, wrong: list[str]
) -> None:
    Group("kids", title="Kids").save()
    before = get(target)
    assert wrong_fields(get(target, "PATCH", sent)) == wrong
    assert get(target) == before


def test_a_slug_is_fixed(get: Get) -> None:
    for target in ("/video/movies", ALIEN):
        found = body(get(target, "PATCH", {"slug": "films"}), 400)
        assert "links to it stay good" in found["errors"][0]["reason"]
    body(get("/video/movies", "PATCH", {"title": "Films"}))
    assert body(get("/video/movies"))["title"] == "Films"


def test_a_patch_that_is_no_json_object_is_refused(get: Get) -> None:
    Group("kids", title="Kids").save()
    for sent in (b"", b"[]", b"null", b"{", b'{"title":"A","title":"B"}'):
        for target in ("/video", ALIEN, "/-/groups/kids"):
            body(get(target, "PATCH", sent), 400)


def test_a_merge_patch_may_be_stated_to_be_one(get: Get) -> None:
    for stated in ("application/merge-patch+json", "application/json"):
        body(get("/video", "PATCH", {"title": stated}, Content_Type=stated))
    body(get("/video", "PATCH", {"title": "A"}, Content_Type="application/json-patch+json"), 415)
    assert body(get("/video"))["title"] == "application/json"


def test_what_is_not_there_can_not_be_changed(get: Get) -> None:
    for target in ("/nothing", "/movies", "/video/alien", "/-/groups/nothing"):
        body(get(target, "PATCH", {"title": "A"}), 404)


# ---- null


def test_null_takes_away_what_can_be_without(get: Get) -> None:
    Group("kids", title="Kids").save()
    body(get("/video/shows", "PATCH", {"picture_url": "https://x.example/p", "groups": ["kids"]}))
    found = body(get("/video/shows", "PATCH", {"picture_url": None, "groups": None}))
    assert (found["picture_url"], found["groups"]) == (None, [])
    body(get(ALIEN, "PATCH", {"metadata": {"a": 1}}))
    assert body(get(ALIEN, "PATCH", {"metadata": None}))["metadata"] is None
    body(get("/-/groups/kids", "PATCH", {"picture_url": "https://x.example/p"}))
    assert body(get("/-/groups/kids", "PATCH", {"picture_url": None}))["picture_url"] is None
    assert body(get("/video/shows", "PATCH", {"superchannel": None}))["path"] == "/shows"
    assert broken() == []


def test_metadata_is_merged(get: Get) -> None:
    for before, patch, after in (  # the cases of RFC 7396 that keep it an object, and more
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({"a": "b"}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        (None, {"a": {"b": None, "c": [None]}}, {"a": {"c": [None]}}),
        ({"a": 1}, {}, {"a": 1}),
    ):
        path = body(get("/video/movies", "POST", a_content("New", metadata=before)), 201)["path"]
        assert body(get(path, "PATCH", {"metadata": patch}))["metadata"] == after, patch
    assert body(get(path))["metadata"] == after


def test_merging_keeps_every_digit_of_numbers(get: Get) -> None:
    body(get(ALIEN, "PATCH", b'{"metadata":{"a":1.50,"b":{"c":12345678901234567890123}}}'))
    reply = get(ALIEN, "PATCH", b'{"metadata":{"b":{"d":0.10},"e":1e400}}')
    told = b'"metadata":{"a":1.50,"b":{"c":12345678901234567890123,"d":0.10},"e":1E+400},'
    assert told in reply.body
    assert told in get(ALIEN).body


def test_metadata_that_would_grow_too_large_is_refused(get: Get) -> None:
    body(get(ALIEN, "PATCH", {"metadata": {"a": "x" * 380_000}}))
    assert wrong_fields(get(ALIEN, "PATCH", {"metadata": {"b": "x" * 10_000}})) == ["metadata"]
    assert body(get(ALIEN, "PATCH", {"metadata": {"a": None}}))["metadata"] == {}


# ---- what follows


def test_a_new_rating_changes_the_totals_of_the_channel(get: Get) -> None:
    assert totals("movies") == (2, 16.4, 2)
    for sent, total in ((0, 7.9), (10, 17.9), (0.1, 8), ("9.9", 17.8), (8.5, 16.4)):
        body(get(ALIEN, "PATCH", {"rating": sent}))
        assert totals("movies") == (2, total, 2)
    assert broken() == []


def test_what_is_inactive_is_hidden_at_once_with_all_below(get: Get) -> None:
    paths = ["/video", "/video/movies", ALIEN]
    assert [get(path).status for path in paths] == [200, 200, 200]
    for hidden in (2, 1, 0):
        body(get(paths[hidden], "PATCH", {"active": False}))
        assert [get(path).status for path in paths] == [200] * hidden + [404] * (3 - hidden)
        assert [get(f"/-/preview{path}").status for path in paths] == [200, 200, 200]
    assert body(get("/"))["subchannels"] == []
    for path in paths:
        body(get(path, "PATCH", {"active": True}))
    assert [get(path).status for path in paths] == [200, 200, 200]
    assert totals("movies") == (2, 16.4, 2)
    assert broken() == []


def test_a_change_of_nothing_writes_nothing(get: Get) -> None:
    Group("kids", title="Kids").save()
    body(get("/video", "PATCH", {"groups": ["kids"]}))
    content = {"name": "Alien", "rating": 8.50, "metadata": {"a": None}, "channel": "movies"}
    body(get(ALIEN, "PATCH", content))  # which makes {} of metadata
    channel = {"title": "Video", "active": True, "groups": ["kids", "kids"], "superchannel": None}
    for target, sent in (
        (ALIEN, {}),
        (ALIEN, content),
        ("/video", {}),
        ("/video", channel),
        ("/-/groups/kids", {}),
        ("/-/groups/kids", {"title": "Kids", "picture_url": None}),
    ):
        before = get(target)
        with traffic() as requests:
            reply = get(target, "PATCH", sent)
        assert body(reply).items() <= body(before).items()
        assert [request.operation for request in requests] in (["BatchGetItem"], ["GetItem"])
        tag = reply.headers["ETag"].partition(".")[0]
        assert before.headers["ETag"].startswith(tag)


# ---- groups


@pytest.fixture
def grouped(get: Get) -> None:
    for slug in ("kids", "news"):
        Group(slug, title=slug.title()).save()
    body(get("/video/movies", "PATCH", {"groups": ["kids"]}))


@pytest.mark.usefixtures("grouped")
def test_the_channels_above_get_into_added_groups(get: Get) -> None:
    assert body(get("/video"))["groups"] == ["kids"]
    assert body(get("/video/shows"))["groups"] == []
    body(get("/video/movies", "PATCH", {"groups": ["news"]}))
    assert body(get("/video"))["groups"] == ["kids", "news"]  # which removing doesn't undo
    assert body(get("/video/movies"))["groups"] == ["news"]
    assert broken() == []


@pytest.mark.usefixtures("grouped")
def test_a_group_is_left_from_the_bottom_up(get: Get) -> None:
    body(get("/video/shows", "PATCH", {"groups": ["kids"]}))
    before = get("/video")
    for groups in ([], None, ["news"]):
        refused = body(get("/video", "PATCH", {"groups": groups}), 409)
        assert "2 in kids" in refused["detail"]
    assert get("/video") == before
    body(get("/video/shows", "PATCH", {"groups": []}))
    assert "1 in kids" in body(get("/video", "PATCH", {"groups": []}), 409)["detail"]
    body(get("/video/movies", "PATCH", {"groups": []}))
    assert body(get("/video", "PATCH", {"groups": []}))["groups"] == []
    assert broken() == []


@pytest.mark.usefixtures("grouped")
def test_groups_that_are_not_there_are_named_and_nothing_is_changed(get: Get) -> None:
    sent = {"title": "Films", "groups": ["kids", "x", "y"]}
    found = body(get("/video/movies", "PATCH", sent), 400)
    assert found["errors"] == [
        {"field": "groups", "reason": "There is no group x."},
        {"field": "groups", "reason": "There is no group y."},
    ]
    assert body(get("/video/movies"))["title"] == "Movies"


@pytest.mark.usefixtures("grouped")
def test_an_inactive_group_can_be_given_and_made_active_again(get: Get) -> None:
    body(get("/-/groups/news", "PATCH", {"active": False}))
    assert get("/-/groups/news").status == 404
    assert body(get("/video/shows", "PATCH", {"groups": ["news"]}))["groups"] == ["news"]
    body(get("/-/groups/news", "PATCH", {"active": True}))
    assert [group["slug"] for group in body(get("/-/groups"))["groups"]] == ["kids", "news"]


# ---- If-Match


@pytest.mark.parametrize("path", ["/video/movies", ALIEN, "/-/groups/kids"])
def test_a_change_that_was_not_seen_is_not_overwritten(get: Get, path: str) -> None:
    Group("kids", title="Kids").save()
    field = "name" if path == ALIEN else "title"
    etag = get(path).headers["ETag"]
    first = get(path, "PATCH", {field: "First"}, If_Match=etag)
    assert body(first)[field] == "First"
    refused = get(path, "PATCH", {field: "Second"}, If_Match=etag)
    assert "GET it again" in body(refused, 412)["detail"]
    assert body(get(path))[field] == "First"
    again = get(path, "PATCH", {field: "Second"}, If_Match=first.headers["ETag"])
    assert body(again)[field] == "Second"


def test_the_etag_of_whatever_showed_the_channel_will_do(get: Get) -> None:
    target = "/video/movies"
    for number, shown in enumerate(
        (target, f"{target}?limit=1", f"{target}?group=kids", f"/-/preview{target}", f"/{target}/")
    ):
        etag = get(shown).headers["ETag"]
        reply = get(target, "PATCH", {"title": f"Title {number}"}, If_Match=etag)
        assert reply.status == 200, shown
    etag = get("/video", "POST", a_channel("New")).headers["ETag"]
    assert get("/video/new", "PATCH", {"title": "Newer"}, If_Match=etag).status == 200
    etag = get(target, "POST", a_content("New", rating=7.0)).headers["ETag"]
    assert get(f"{target}/new-2", "PATCH", {"rating": 6.0}, If_Match=etag).status == 200


def test_what_is_below_a_channel_is_not_what_if_match_is_about(get: Get) -> None:
    before = get("/video/movies").headers["ETag"]
    body(get("/video/movies", "POST", a_content("New")), 201)
    body(get(ALIEN, "PATCH", {"rating": 3}))
    body(get("/video", "PATCH", {"title": "Films and more"}))
    assert get("/video/movies").headers["ETag"] != before  # it tells of the page
    assert get("/video/movies", "PATCH", {"title": "Films"}, If_Match=before).status == 200


def test_a_condition_that_no_strong_etag_meets_fails(get: Get) -> None:
    etag = get(ALIEN).headers["ETag"]
    bare = etag.strip('"')
    for condition in (
        f"W/{etag}",
        f'W/"x", W/{etag}',
        f'"{bare.partition(".")[2]}"',
        f'"x, {bare}"',
        bare,
        '"x"',
        '""',
        '"',
        "x",
        "",
    ):
        body(get(ALIEN, "PATCH", {"name": "New"}, If_Match=condition), 412)
    assert body(get(ALIEN))["name"] == "Alien"
    assert get(ALIEN, "PATCH", {"name": "New"}, If_Match=etag).status == 200


def test_one_of_several_etags_will_do_and_anything_that_is_there(get: Get) -> None:
    for condition in ('"x", {etag}', '{etag},"x"', "*", " * "):
        stated = condition.format(etag=get(ALIEN).headers["ETag"])
        assert get(ALIEN, "PATCH", {"name": condition}, If_Match=stated).status == 200
    body(get("/video/movies/nothing", "PATCH", {"name": "New"}, If_Match="*"), 404)


def test_the_etag_of_what_had_the_slug_before_is_stale(get: Get) -> None:
    etag = get("/video/shows").headers["ETag"]
    assert get("/video/shows", "DELETE").status == 204
    body(get("/video", "POST", a_channel("Shows")), 201)
    body(get("/video/shows", "PATCH", {"title": "New"}, If_Match=etag), 412)
