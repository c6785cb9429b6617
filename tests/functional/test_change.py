"""Changing channels, contents and groups over HTTP, where they are."""

from typing import Any

import pytest

from chalicelib.models import Group
from tests.build import content, put
from tests.functional.conftest import Get, body
from tests.functional.editing import a_content, a_library, broken, totals, traffic, wrong_fields

pytestmark = pytest.mark.usefixtures("aws")

ALIEN = "/video/movies/alien"


@pytest.fixture(autouse=True)
def library(aws: None) -> None:
    put([*a_library(None), content("brazil", "movies", "7.9")])


# ---- fields


def test_every_field_of_a_channel_can_be_changed(edit: Get) -> None:
    Group("kids", title="Kids").save()
    for field, value in (
        ("title", "Films"),
        ("language", "日本語"),
        ("active", False),
        ("picture_url", "https://x.example/p.png"),
        ("groups", ["kids"]),
    ):
        before = body(edit("/-/preview/video/movies"))
        reply = edit("/video/movies", "PATCH", {field: value})
        after = body(edit("/-/preview/video/movies"))
        assert after == before | {field: value} != before
        assert body(reply).items() <= after.items()
        assert reply.headers["Cache-Control"] == "no-store"
    assert broken() == []


def test_every_field_of_a_content_can_be_changed(edit: Get) -> None:
    for field, value in (
        ("name", "Aliens"),
        ("metadata", {"year": 1986}),
        ("file_url", "http://media.example.com/aliens.mp4"),
        ("active", False),
        ("rating", 8.4),
    ):
        before = body(edit(f"/-/preview{ALIEN}"))
        reply = edit(ALIEN, "PATCH", {field: value})
        assert body(reply) == before | {field: value} != before
        assert body(edit(f"/-/preview{ALIEN}")) == body(reply)
    assert broken() == []


def test_every_field_of_a_group_can_be_changed(edit: Get) -> None:
    Group("kids", title="Kids").save()
    before = body(edit("/-/groups/kids"))
    for field, value in (
        ("title", "Children"),
        ("picture_url", "https://x.example/p.png"),
        ("active", False),
    ):
        after = body(edit("/-/groups/kids", "PATCH", {field: value}))
        assert after == before | {field: value} != before
        # Changing nothing shows a group even if it is inactive.
        assert body(edit("/-/groups/kids", "PATCH", {})) == after
        before = after


def test_many_fields_change_at_once_or_none_do(edit: Get) -> None:
    body(edit(ALIEN, "PATCH", {"name": "Aliens", "rating": 1, "metadata": {"a": 1}}))
    before = body(edit(ALIEN))
    assert (before["name"], before["rating"], before["metadata"]) == ("Aliens", 1, {"a": 1})
    assert sorted(wrong_fields(edit(ALIEN, "PATCH", {"name": "Alien", "rating": 11}))) == ["rating"]
    assert body(edit(ALIEN)) == before
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
    edit: Get, target: str, sent: Any, wrong: list[str]
) -> None:
    Group("kids", title="Kids").save()
    before = edit(target)
    assert sorted(wrong_fields(edit(target, "PATCH", sent))) == wrong
    assert edit(target) == before


def test_a_slug_is_fixed(edit: Get) -> None:
    for target in ("/video/movies", ALIEN):
        found = body(edit(target, "PATCH", {"slug": "films"}), 400)
        assert "links to it stay good" in found["errors"][0]["reason"]
    body(edit("/video/movies", "PATCH", {"title": "Films"}))
    assert body(edit("/video/movies"))["title"] == "Films"


def test_a_patch_that_is_no_json_object_is_refused(edit: Get) -> None:
    Group("kids", title="Kids").save()
    for sent in (b"", b"[]", b"null", b"{", b'{"title":"A","title":"B"}'):
        for target in ("/video", ALIEN, "/-/groups/kids"):
            body(edit(target, "PATCH", sent), 400)


def test_a_merge_patch_may_be_stated_to_be_one(edit: Get) -> None:
    for stated in ("application/merge-patch+json", "application/json"):
        body(edit("/video", "PATCH", {"title": stated}, Content_Type=stated))
    body(edit("/video", "PATCH", {"title": "A"}, Content_Type="application/json-patch+json"), 415)
    assert body(edit("/video"))["title"] == "application/json"


def test_what_is_not_there_can_not_be_changed(edit: Get) -> None:
    for target in ("/nothing", "/movies", "/video/alien", "/-/groups/nothing"):
        body(edit(target, "PATCH", {"title": "A"}), 404)


# ---- null


def test_null_takes_away_what_can_be_without(edit: Get) -> None:
    Group("kids", title="Kids").save()
    body(edit("/video/shows", "PATCH", {"picture_url": "https://x.example/p", "groups": ["kids"]}))
    found = body(edit("/video/shows", "PATCH", {"picture_url": None, "groups": None}))
    assert (found["picture_url"], found["groups"]) == (None, [])
    body(edit(ALIEN, "PATCH", {"metadata": {"a": 1}}))
    assert body(edit(ALIEN, "PATCH", {"metadata": None}))["metadata"] is None
    body(edit("/-/groups/kids", "PATCH", {"picture_url": "https://x.example/p"}))
    assert body(edit("/-/groups/kids", "PATCH", {"picture_url": None}))["picture_url"] is None
    assert body(edit("/video/shows", "PATCH", {"superchannel": None}))["path"] == "/shows"
    assert broken() == []


def test_metadata_is_merged(edit: Get) -> None:
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
        path = body(edit("/video/movies", "POST", a_content("New", metadata=before)), 201)["path"]
        assert body(edit(path, "PATCH", {"metadata": patch}))["metadata"] == after, patch
    assert body(edit(path))["metadata"] == after


def test_merging_keeps_every_digit_of_numbers(edit: Get) -> None:
    body(edit(ALIEN, "PATCH", b'{"metadata":{"a":1.50,"b":{"c":12345678901234567890123}}}'))
    reply = edit(ALIEN, "PATCH", b'{"metadata":{"b":{"d":0.10},"e":1e400}}')
    told = b'"metadata":{"a":1.50,"b":{"c":12345678901234567890123,"d":0.10},"e":1E+400},'
    assert told in reply.body
    assert told in edit(ALIEN).body


def test_metadata_that_would_grow_too_large_is_refused(edit: Get) -> None:
    body(edit(ALIEN, "PATCH", {"metadata": {"a": "x" * 380_000}}))
    assert sorted(wrong_fields(edit(ALIEN, "PATCH", {"metadata": {"b": "x" * 10_000}}))) == [
        "metadata"
    ]
    assert body(edit(ALIEN, "PATCH", {"metadata": {"a": None}}))["metadata"] == {}


# ---- what follows


def test_a_new_rating_changes_the_totals_of_the_channel(edit: Get) -> None:
    assert totals("movies") == (2, 16.4, 2)
    for sent, total in ((0, 7.9), (10, 17.9), (0.1, 8), ("9.9", 17.8), (8.5, 16.4)):
        body(edit(ALIEN, "PATCH", {"rating": sent}))
        assert totals("movies") == (2, total, 2)
    assert broken() == []


def test_what_is_inactive_is_hidden_at_once_with_all_below(edit: Get) -> None:
    paths = ["/video", "/video/movies", ALIEN]
    assert [edit(path).status for path in paths] == [200, 200, 200]
    for hidden in (2, 1, 0):
        body(edit(paths[hidden], "PATCH", {"active": False}))
        assert [edit(path).status for path in paths] == [200] * hidden + [404] * (3 - hidden)
        assert [edit(f"/-/preview{path}").status for path in paths] == [200, 200, 200]
    assert body(edit("/"))["subchannels"] == []
    for path in paths:
        body(edit(path, "PATCH", {"active": True}))
    assert [edit(path).status for path in paths] == [200, 200, 200]
    assert totals("movies") == (2, 16.4, 2)
    assert broken() == []


def test_a_change_of_nothing_writes_nothing(edit: Get) -> None:
    Group("kids", title="Kids").save()
    body(edit("/video", "PATCH", {"groups": ["kids"]}))
    content = {"name": "Alien", "rating": 8.50, "metadata": {"a": None}, "channel": "movies"}
    body(edit(ALIEN, "PATCH", content))  # which makes {} of metadata
    channel = {"title": "Video", "active": True, "groups": ["kids", "kids"], "superchannel": None}
    for target, sent in (
        (ALIEN, {}),
        (ALIEN, content),
        ("/video", {}),
        ("/video", channel),
        ("/-/groups/kids", {}),
        ("/-/groups/kids", {"title": "Kids", "picture_url": None}),
    ):
        before = edit(target)
        with traffic() as requests:
            reply = edit(target, "PATCH", sent)
        assert body(reply).items() <= body(before).items()
        assert [request.operation for request in requests] in (["BatchGetItem"], ["GetItem"])
        tag = reply.headers["ETag"].partition(".")[0]
        assert before.headers["ETag"].startswith(tag)


# ---- groups


@pytest.fixture
def grouped(edit: Get) -> None:
    for slug in ("kids", "news"):
        Group(slug, title=slug.title()).save()
    body(edit("/video/movies", "PATCH", {"groups": ["kids"]}))


@pytest.mark.usefixtures("grouped")
def test_the_channels_above_get_into_added_groups(edit: Get) -> None:
    assert body(edit("/video"))["groups"] == ["kids"]
    assert body(edit("/video/shows"))["groups"] == []
    body(edit("/video/movies", "PATCH", {"groups": ["news"]}))
    assert body(edit("/video"))["groups"] == ["kids", "news"]  # which removing doesn't undo
    assert body(edit("/video/movies"))["groups"] == ["news"]
    assert broken() == []


@pytest.mark.usefixtures("grouped")
def test_a_group_is_left_from_the_bottom_up(edit: Get) -> None:
    body(edit("/video/shows", "PATCH", {"groups": ["kids"]}))
    before = edit("/video")
    for groups in ([], None, ["news"]):
        refused = body(edit("/video", "PATCH", {"groups": groups}), 409)
        assert "2 in kids" in refused["detail"]
    assert edit("/video") == before
    body(edit("/video/shows", "PATCH", {"groups": []}))
    assert "1 in kids" in body(edit("/video", "PATCH", {"groups": []}), 409)["detail"]
    body(edit("/video/movies", "PATCH", {"groups": []}))
    assert body(edit("/video", "PATCH", {"groups": []}))["groups"] == []
    assert broken() == []


@pytest.mark.usefixtures("grouped")
def test_groups_that_are_not_there_are_named_and_nothing_is_changed(edit: Get) -> None:
    sent = {"title": "Films", "groups": ["kids", "x", "y"]}
    found = body(edit("/video/movies", "PATCH", sent), 400)
    assert found["errors"] == [
        {"field": "groups", "reason": "There is no group x."},
        {"field": "groups", "reason": "There is no group y."},
    ]
    assert body(edit("/video/movies"))["title"] == "Movies"


@pytest.mark.usefixtures("grouped")
def test_an_inactive_group_can_be_given_and_made_active_again(edit: Get) -> None:
    body(edit("/-/groups/news", "PATCH", {"active": False}))
    assert edit("/-/groups/news").status == 404
    assert body(edit("/video/shows", "PATCH", {"groups": ["news"]}))["groups"] == ["news"]
    body(edit("/-/groups/news", "PATCH", {"active": True}))
    assert [group["slug"] for group in body(edit("/-/groups"))["groups"]] == ["kids", "news"]
