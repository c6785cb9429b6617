"""Creating channels, contents and groups over HTTP."""

from functools import partial
from typing import Any

import pytest

from chalicelib.models import Gone, Group, Item
from tests.build import chain, channel, content, put
from tests.functional.conftest import Get, body
from tests.functional.editing import (
    a_channel,
    a_content,
    broken,
    totals,
    traffic,
    wrong_fields,
)

pytestmark = pytest.mark.usefixtures("aws")

FORM = "Must be 1 to 250 of a-z, 0-9, _ and -, with a letter or digit."


def created(reply: Any) -> dict[str, Any]:
    return body(reply, 201)


def test_a_channel_is_created_with_defaults_for_what_is_left_out(edit: Get) -> None:
    reply = edit("/", "POST", {"title": "Video", "language": "English"})
    assert created(reply) == {
        "kind": "channel",
        "slug": "video",
        "path": "/video",
        "title": "Video",
        "language": "English",
        "active": True,
        "picture_url": None,
        "groups": [],
        "superchannel": None,
    }
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Location"] == "https://api.example.com/video"
    page = body(edit("/video"))
    assert created(reply).items() <= page.items()
    assert [item["slug"] for item in body(edit("/"))["subchannels"]] == ["video"]
    assert broken() == []


def test_a_content_is_created_with_everything_that_is_stated(edit: Get) -> None:
    put([channel("video"), channel("movies", "video")])
    sent = {
        "name": "Alien",
        "slug": "alien-1979",
        "metadata": {"year": 1979, "cast": ["Weaver", None]},
        "file_url": "http://media.example.com/alien.mp4?a=1#b",
        "active": True,
        "rating": 8.5,
    }
    reply = edit("/video/movies", "POST", sent)
    assert created(reply) == sent | {
        "slug": "alien-1979",
        "kind": "content",
        "path": "/video/movies/alien-1979",
        "channel": "movies",
    }
    read = edit("/video/movies/alien-1979")
    assert read.body == reply.body
    assert read.headers["ETag"] == reply.headers["ETag"]
    assert totals("movies") == (1, 8.5, 1)
    assert broken() == []


def test_a_content_is_created_with_defaults_for_what_is_left_out(edit: Get) -> None:
    put([channel("video")])
    assert created(edit("/video", "POST", a_content("Alien"))) == {
        "kind": "content",
        "slug": "alien",
        "path": "/video/alien",
        "name": "Alien",
        "metadata": None,
        "file_url": "https://media.example.com/1.mp4",
        "active": True,
        "rating": 1,
        "channel": "video",
    }


def test_a_channel_is_created_with_everything_that_is_stated(edit: Get) -> None:
    Group("kids", title="Kids").save()
    put([channel("video")])
    sent = {
        "title": "Cartoons",
        "slug": "toons",
        "language": "日本語",
        "active": False,
        "picture_url": "https://x.example/p.png",
        "groups": ["kids", "kids"],
    }
    expected = sent | {"groups": ["kids"], "superchannel": "video", "path": "/video/toons"}
    assert expected.items() <= created(edit("/video", "POST", sent)).items()
    assert edit("/video/toons").status == 404  # it isn't active
    assert broken() == []


def test_the_etag_begins_as_that_of_a_get_does(edit: Get) -> None:
    put([channel("video")])
    reply = edit("/video", "POST", a_channel("Movies"))
    tag, _, digest = reply.headers["ETag"].partition(".")
    of_get = edit("/video/movies").headers["ETag"].partition(".")
    assert tag == of_get[0]
    assert digest != of_get[2]  # of another body


def test_a_new_thing_of_an_old_ones_slug_has_another_etag(edit: Get) -> None:
    first = edit("/", "POST", a_channel("Video")).headers["ETag"]
    assert edit("/video", "DELETE").status == 204
    assert edit("/", "POST", a_channel("Video")).headers["ETag"] != first


def test_location_names_the_stage_on_an_apis_own_host(edit: Get) -> None:
    own = "abc.execute-api.us-east-1.amazonaws.com"
    for target, new, path in (
        ("/", a_channel("Video"), "/video"),
        ("/video", a_channel("New"), "/video/new"),
        ("/-/groups", {"title": "New"}, "/-/groups/new"),
    ):
        reply = edit(target, "POST", new, Host=own)
        assert reply.headers["Location"] == f"https://{own}/api{path}"
        assert created(reply)["path"] == path


def test_slugs_are_made_of_titles_and_names(edit: Get) -> None:
    put([channel("video"), channel("movies")])
    for title, slug in (
        ("It's 9_to_5!", "its-9_to_5"),
        ("Привет, мир", "privet-mir"),
        ("日本語", "ribenyu"),
        ("  Zoë & Łódź  ", "zoe-lodz"),
        ("a" * 250, "a" * 250),
    ):
        assert created(edit("/video", "POST", a_channel(title)))["slug"] == slug
        name = created(edit("/movies", "POST", a_content(f"{title[:248]} 2")))["slug"]
        assert name == f"{slug[:248]}-2"


def test_a_taken_slug_that_nobody_asked_for_gets_a_suffix(edit: Get) -> None:
    slugs = []
    for _ in range(8):
        made = created(edit("/", "POST", a_channel("Video")))
        assert made["title"] == "Video"
        slugs.append(made["slug"])
    assert slugs[:2] == ["video", "video-2"]
    assert len(set(slugs)) == 8
    assert all(slug.startswith("video-") for slug in slugs[1:])
    assert [item["slug"] for item in body(edit("/"))["subchannels"]] == sorted(slugs)


def test_a_suffix_is_found_where_the_longest_slug_is_taken(edit: Get) -> None:
    title = "a" * 250
    assert created(edit("/", "POST", a_channel(title)))["slug"] == title
    assert created(edit("/", "POST", a_channel(title)))["slug"] == "a" * 248 + "-2"


def test_a_channel_does_not_get_the_slug_of_a_content_elsewhere(edit: Get) -> None:
    put([channel("video"), content("alien", "video")])
    assert created(edit("/", "POST", a_channel("Alien")))["slug"] == "alien-2"
    assert created(edit("/video", "POST", a_content("Video")))["slug"] == "video-2"


def test_a_taken_slug_that_was_asked_for_is_refused(edit: Get) -> None:
    put([channel("video"), channel("movies"), content("alien", "movies")])
    for taken in ("video", "movies", "alien"):
        found = body(edit("/video", "POST", a_channel("New", slug=taken)), 409)
        assert found["detail"] == f"{taken} is taken: choose another slug."
    assert broken() == []


def test_a_title_without_letter_or_digit_asks_for_a_slug(edit: Get) -> None:
    put([channel("video")])
    for sent in (a_channel("?!"), a_content("…"), a_channel("_ -"), a_content(" ")):
        reply = edit("/video", "POST", sent)
        assert wrong_fields(reply, 422) == ["slug"]
        assert "no letter or digit" in body(reply, 422)["detail"]
    both = edit("/video", "POST", a_channel("?!", groups=["nothing"]))
    assert wrong_fields(both, 422) == ["slug", "groups"]
    assert wrong_fields(edit("/-/groups", "POST", {"title": "!"}), 422) == ["slug"]
    made = created(edit("/video", "POST", a_channel("?!", slug="what")))
    assert (made["slug"], made["title"]) == ("what", "?!")


# ---- where it goes


@pytest.fixture
def library(aws: None) -> None:
    put(
        [
            channel("video"),
            channel("movies", "video"),
            content("alien", "movies"),
            channel("empty", "video"),
            channel("hidden", "video", active=False),
        ]
    )


@pytest.mark.usefixtures("library")
def test_what_can_not_be_there_is_refused(edit: Get) -> None:
    for target, sent, status, says in (
        ("/", a_content("New"), 409, "not to the top"),
        ("/video", a_content("New"), 409, "video has subchannels"),
        ("/video/movies", a_channel("New"), 409, "movies has contents"),
        ("/video/movies/alien", a_content("New"), 409, "alien is a content"),
        ("/video/movies/alien", a_channel("New"), 409, "alien is a content"),
        ("/nothing", a_channel("New"), 404, "Nothing is at /nothing"),
        ("/movies", a_content("New"), 404, "Nothing is at /movies"),
        ("/video/empty/movies", a_content("New"), 404, "Nothing is at"),
        ("/video/video", a_channel("New"), 404, "twice"),
        ("/vidéo", a_channel("New"), 404, "slugs are of a-z"),
        ("/" + "/".join(f"c{n}" for n in range(1000)), a_channel("New"), 400, "1,001"),
    ):
        assert says in body(edit(target, "POST", sent), status)["detail"]
    assert not [item for item in Item.scan() if item.slug == "new"]
    assert broken() == []


@pytest.mark.usefixtures("library")
def test_nothing_is_created_below_a_channel_that_was_changed_since_it_was_read(edit: Get) -> None:
    old = edit("/video/empty").headers["ETag"]
    new = edit("/video/empty", "PATCH", {"title": "New"}).headers["ETag"]
    create = partial(edit, "/video/empty", "POST", a_content("New"))
    for stale in (old, f"W/{new}"):
        body(create(If_Match=stale), 412)
    for good in (new, "*", f"{old}, {new}"):
        created(create(If_Match=good))
    assert totals("empty") == (3, 3, 3)
    found = body(edit("/", "POST", a_channel("New"), If_Match=new), 412)
    assert "If-Match" in found["detail"]


@pytest.mark.usefixtures("library")
def test_editors_create_below_what_is_inactive(edit: Get) -> None:
    assert created(edit("/video/hidden", "POST", a_channel("New")))["path"] == "/video/hidden/new"
    assert edit("/video/hidden/new").status == 404
    assert body(edit("/-/preview/video/hidden/new"))["title"] == "New"


@pytest.mark.usefixtures("library")
def test_a_new_path_is_canonical_however_the_old_one_was_spelled(edit: Get) -> None:
    reply = edit("//Video///%45mpty/", "POST", a_content("New"))
    assert created(reply)["path"] == "/video/empty/new"
    assert reply.headers["Location"] == "https://api.example.com/video/empty/new"


@pytest.mark.usefixtures("library")
def test_below_a_path_that_was_right_once_it_says_where_to(edit: Get) -> None:
    body(edit("/video/empty", "PATCH", {"superchannel": None}))
    reply = edit("/video/empty", "POST", a_content("New"))
    assert body(reply, 308)["status"] == 308
    assert reply.headers["Location"] == "https://api.example.com/empty"
    assert reply.headers["Cache-Control"] == "no-store"
    assert created(edit("/empty", "POST", a_content("New")))["path"] == "/empty/new"


@pytest.mark.usefixtures("library")
def test_the_slug_of_a_deleted_channel_that_links_lead_through_is_free(edit: Get) -> None:
    body(edit("/video/empty", "PATCH", {"superchannel": None}))
    body(edit("/empty", "PATCH", {"superchannel": "hidden"}))
    assert edit("/video?below=detach", "DELETE").status == 204
    assert isinstance(Item.get("video"), Gone)
    made = created(edit("/movies", "POST", a_content("Video")))
    assert made["path"] == "/movies/video"  # where another kind of thing was
    assert body(edit("/movies/video"))["name"] == "Video"
    assert edit("/video/hidden").status == 404  # inactive, or it would say where to
    body(edit("/hidden", "PATCH", {"active": True}))
    assert edit("/video/hidden").headers["Location"] == "https://api.example.com/hidden"
    assert broken() == []


# ---- groups


@pytest.mark.usefixtures("library")
def test_the_channels_above_get_into_the_groups_of_a_new_one(edit: Get) -> None:
    for slug in ("kids", "news"):
        Group(slug, title=slug).save()
    created(edit("/video/empty", "POST", a_channel("A", groups=["kids"])))
    created(edit("/video/empty", "POST", a_channel("B", groups=["news", "kids"])))
    for path in ("/video", "/video/empty", "/video/empty/b"):
        assert body(edit(path))["groups"] == ["kids", "news"]
    assert body(edit("/video/movies"))["groups"] == []
    assert broken() == []


def test_groups_go_all_the_way_up_a_chain_that_one_transaction_can_not_hold(edit: Get) -> None:
    Group("kids", title="Kids").save()
    line = chain(100)
    with Item.batch_write() as batch:  # moto is slow at transactions
        for item in line:
            item.children = int(item is not line[-1])
            batch.save(item)
    path = "".join(f"/{item.slug}" for item in line)
    with traffic() as sent:
        created(edit(path, "POST", a_channel("New", groups=["kids"])))
    assert len([request for request in sent if request.written]) == 2
    assert broken() == []
    assert [item["slug"] for item in body(edit("/?group=kids"))["subchannels"]] == ["c1"]
    assert body(edit(path))["groups"] == ["kids"]


def test_a_channel_is_in_90_groups_at_most(edit: Get) -> None:
    groups = [f"g{number:02}" for number in range(90)]
    with Group.batch_write() as batch:
        for slug in (*groups, "g90"):
            batch.save(Group(slug, title=slug))
    assert created(edit("/", "POST", a_channel("Video", groups=groups)))["groups"] == groups
    assert created(edit("/video", "POST", a_channel("New", groups=groups)))["groups"] == groups
    assert wrong_fields(edit("/", "POST", a_channel("More", groups=[*groups, "g90"]))) == ["groups"]
    # Nor is it by what is below it.
    found = body(edit("/video/new", "POST", a_channel("Newer", groups=["g90"])), 409)
    assert "video would be in more than 90 groups" in found["detail"]
    assert broken() == []


def test_a_group_is_created(edit: Get) -> None:
    reply = edit("/-/groups", "POST", {"title": "Rated G"})
    assert created(reply) == {
        "kind": "group",
        "slug": "rated-g",
        "path": "/-/groups/rated-g",
        "title": "Rated G",
        "active": True,
        "picture_url": None,
    }
    assert reply.headers["Location"] == "https://api.example.com/-/groups/rated-g"
    read = edit("/-/groups/rated-g")
    assert (read.body, read.headers["ETag"]) == (reply.body, reply.headers["ETag"])
    assert created(edit("/-/groups", "POST", {"title": "Rated G"}))["slug"] == "rated-g-2"
    found = body(edit("/-/groups", "POST", {"title": "Other", "slug": "rated-g"}), 409)
    assert found["detail"] == "There is a group rated-g already: choose another slug."
    assert body(edit("/-/groups/rated-g"))["title"] == "Rated G"


def test_everything_that_is_wrong_with_a_group_is_named_at_once(edit: Get) -> None:
    sent = {"slug": "A", "active": "no", "picture_url": "x", "groups": [], "language": "English"}
    assert sorted(wrong_fields(edit("/-/groups", "POST", sent))) == [
        "active", "groups", "language", "picture_url", "slug", "title",
    ]  # fmt: skip
    assert body(edit("/-/groups"))["groups"] == []


def test_a_create_takes_no_parameters(edit: Get) -> None:
    for target, sent in (("/", a_channel("A")), ("/-/groups", {"title": "A"})):
        assert wrong_fields(edit(f"{target}?slug=a", "POST", sent)) == ["slug"]
    assert body(edit("/"))["subchannels"] == []
