"""What a create is refused for, and how that is told: all that is wrong, in one answer."""

import pytest

from chalicelib.models import Group
from tests.build import channel, put
from tests.functional.conftest import Get, body
from tests.functional.editing import a_channel, a_content, broken, totals, wrong_fields

pytestmark = pytest.mark.usefixtures("aws")

FORM = "Must be 1 to 250 of a-z, 0-9, _ and -, with a letter or digit."


def test_everything_that_is_wrong_with_a_channel_is_named_at_once(edit: Get) -> None:
    Group("kids", title="Kids").save()
    sent = {
        "title": "a" * 251,
        "slug": "A b",
        "active": "yes",
        "picture_url": "ftp://x.example/p.png",
        "groups": ["kids", "nothing", "Not one"],
        "superchannel": "video",
        "rating": 5,
    }
    reply = edit("/", "POST", sent)
    assert sorted(wrong_fields(reply)) == [
        "active", "groups", "groups.2", "language", "picture_url", "rating", "slug",
        "superchannel", "title",
    ]  # fmt: skip
    errors = body(reply, 400)["errors"]
    assert {"field": "groups", "reason": "There is no group nothing."} in errors
    assert {"field": "slug", "reason": FORM} in errors
    assert all(
        f"{error['field']}: {error['reason']}" in body(reply, 400)["detail"] for error in errors
    )


def test_everything_that_is_wrong_with_a_content_is_named_at_once(edit: Get) -> None:
    put([channel("video")])
    sent = {
        "name": "",
        "slug": "-",
        "metadata": [],
        "file_url": "not a URL",
        "active": None,
        "rating": 10.1,
        "channel": "video",
        "groups": ["nothing"],
    }
    assert sorted(set(wrong_fields(edit("/video", "POST", sent)))) == [
        "active", "channel", "file_url", "groups", "metadata", "name", "rating", "slug",
    ]  # fmt: skip
    assert totals("video") == (0, 0, 0)


def test_a_value_that_a_field_can_not_have_is_refused(edit: Get) -> None:
    put([channel("video")])
    for field, value in (
        ("name", 5),
        ("name", "nul\0"),
        ("name", "half \ud800"),
        ("name", None),
        ("file_url", "https://x.example/" + "a" * 233),
        ("file_url", None),
        ("rating", -0.1),
        ("rating", 5.55),
        ("rating", "5,5"),
        ("rating", True),
        ("rating", None),
        ("metadata", {"a": "half \ud800"}),
        ("metadata", {"a": "b" * 390_000}),
        ("metadata", "text"),
        ("active", 1),
        ("slug", ""),
        ("slug", "a" * 251),
        ("slug", "é"),
        ("slug", "a/b"),
    ):
        reply = edit("/video", "POST", a_content("Alien") | {field: value})
        assert wrong_fields(reply) == [field], value
        assert len(reply.body) < 1000
    assert totals("video") == (0, 0, 0)


def test_a_body_says_which_of_the_two_kinds_it_is_of(edit: Get) -> None:
    more: list[str]
    for sent, more in (
        ({}, []),
        ({"title": "A", "name": "A"}, []),
        ({"language": "English"}, []),
        ({"active": 1, "slug": "-"}, ["active", "slug"]),
    ):
        reply = edit("/", "POST", sent)
        assert sorted(wrong_fields(reply)) == sorted(["title", "name", *more])
        assert "a channel has a title, a content a name" in body(reply, 400)["detail"]


def test_groups_that_are_not_there_are_all_named(edit: Get) -> None:
    Group("kids", title="Kids").save()
    put([channel("video")])
    for target in ("/", "/video"):
        found = body(edit(target, "POST", a_channel("New", groups=["x", "kids", "y"])), 400)
        assert found["errors"] == [
            {"field": "groups", "reason": "There is no group x."},
            {"field": "groups", "reason": "There is no group y."},
        ]
    assert broken() == []


@pytest.mark.parametrize("target", ["/", "/video", "/-/groups"])
def test_a_body_that_is_no_json_object_is_refused(edit: Get, target: str) -> None:
    put([channel("video")])
    for sent, says in (
        (b"", "is empty"),
        (b"title=Video", "isn't JSON"),
        (b'{"title":"A","language":"E"', "isn't JSON"),
        (b'{"title":"A","language":NaN}', "isn't JSON"),
        (b'{"title":"A","language":-Infinity}', "isn't JSON"),
        (b'{"title":"A","title":"B","language":"E"}', '"title" twice'),
        (
            b'{"name":"A","file_url":"https://x.example","metadata":{"a":{"b":1,"b":1}}}',
            '"b" twice',
        ),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'"title"', "must be a JSON object"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"title":' + b"1" * 5000 + b"}", "too many digits"),
    ):
        found = body(edit(target, "POST", sent), 400)
        assert says in found["detail"], sent[:80]


@pytest.mark.parametrize("target", ["/", "/video", "/-/groups"])
def test_a_body_that_is_stated_to_be_something_else_is_refused(edit: Get, target: str) -> None:
    put([channel("video")])
    for stated in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", "*/*"):
        reply = edit(target, "POST", a_channel("A"), Content_Type=stated)
        assert "application/json" in body(reply, 415)["detail"], stated
    sent = {"title": "A"} if target == "/-/groups" else a_channel("A")
    for stated in ("application/json", "Application/JSON; charset=utf-8"):
        body(edit(target, "POST", sent, Content_Type=stated), 201)


def test_numbers_of_metadata_keep_every_digit(edit: Get) -> None:
    put([channel("video")])
    metadata = b'{"a":1.50,"b":12345678901234567890123456789012345678901234567890,"c":[0.10]}'
    sent = b'{"name":"A","file_url":"https://x.example/a","metadata":' + metadata + b"}"
    for reply in (edit("/video", "POST", sent), edit("/video/a"), edit("/video")):
        assert b'"metadata":' + metadata + b"," in reply.body


def test_a_rating_is_told_as_it_is_kept(edit: Get) -> None:
    # DynamoDB trims zeros. What is made of the number that was sent, as ETags are, may not differ.
    put([channel("video")])
    for sent, told in (
        (b"7.50", b"7.5"),
        (b"5.0", b"5"),
        (b"10", b"10"),
        (b"1e1", b"10"),
        (b"-0.0", b"0"),
        (b"0e-200", b"0"),
        (b"5." + b"0" * 60, b"5"),
        (b'"7.50"', b"7.5"),
    ):
        new = b'{"name":"A","file_url":"https://x.example/a","rating":' + sent + b"}"
        reply = edit("/video", "POST", new)
        assert b'"rating":' + told + b"," in reply.body, sent
        path = body(reply, 201)["path"]
        assert edit(path).headers["ETag"] == reply.headers["ETag"], sent
