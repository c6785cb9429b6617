"""If-Match: what was changed since it was read is not overwritten."""

import pytest

from chalicelib.models import Group
from tests.build import content, put
from tests.functional.conftest import Get, body
from tests.functional.editing import a_channel, a_content, a_library

pytestmark = pytest.mark.usefixtures("aws")

ALIEN = "/video/movies/alien"


@pytest.fixture(autouse=True)
def library(aws: None) -> None:
    put([*a_library(None), content("brazil", "movies", "7.9")])


@pytest.mark.parametrize("path", ["/video/movies", ALIEN, "/-/groups/kids"])
def test_a_change_that_was_not_seen_is_not_overwritten(edit: Get, path: str) -> None:
    Group("kids", title="Kids").save()
    field = "name" if path == ALIEN else "title"
    etag = edit(path).headers["ETag"]
    first = edit(path, "PATCH", {field: "First"}, If_Match=etag)
    assert body(first)[field] == "First"
    refused = edit(path, "PATCH", {field: "Second"}, If_Match=etag)
    assert "GET it again" in body(refused, 412)["detail"]
    assert body(edit(path))[field] == "First"
    again = edit(path, "PATCH", {field: "Second"}, If_Match=first.headers["ETag"])
    assert body(again)[field] == "Second"


def test_the_etag_of_whatever_showed_the_channel_will_do(edit: Get) -> None:
    target = "/video/movies"
    for number, shown in enumerate(
        (target, f"{target}?limit=1", f"{target}?group=kids", f"/-/preview{target}", f"/{target}/")
    ):
        etag = edit(shown).headers["ETag"]
        reply = edit(target, "PATCH", {"title": f"Title {number}"}, If_Match=etag)
        assert reply.status == 200, shown
    etag = edit("/video", "POST", a_channel("New")).headers["ETag"]
    assert edit("/video/new", "PATCH", {"title": "Newer"}, If_Match=etag).status == 200
    etag = edit(target, "POST", a_content("New", rating=7.0)).headers["ETag"]
    assert edit(f"{target}/new-2", "PATCH", {"rating": 6.0}, If_Match=etag).status == 200


def test_what_is_below_a_channel_is_not_what_if_match_is_about(edit: Get) -> None:
    before = edit("/video/movies").headers["ETag"]
    body(edit("/video/movies", "POST", a_content("New")), 201)
    body(edit(ALIEN, "PATCH", {"rating": 3}))
    body(edit("/video", "PATCH", {"title": "Films and more"}))
    assert edit("/video/movies").headers["ETag"] != before  # it tells of the page
    assert edit("/video/movies", "PATCH", {"title": "Films"}, If_Match=before).status == 200


def test_a_condition_that_no_strong_etag_meets_fails(edit: Get) -> None:
    etag = edit(ALIEN).headers["ETag"]
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
        body(edit(ALIEN, "PATCH", {"name": "New"}, If_Match=condition), 412)
    assert body(edit(ALIEN))["name"] == "Alien"
    assert edit(ALIEN, "PATCH", {"name": "New"}, If_Match=etag).status == 200


def test_one_of_several_etags_will_do_and_anything_that_is_there(edit: Get) -> None:
    for condition in ('"x", {etag}', '{etag},"x"', "*", " * "):
        stated = condition.format(etag=edit(ALIEN).headers["ETag"])
        assert edit(ALIEN, "PATCH", {"name": condition}, If_Match=stated).status == 200
    body(edit("/video/movies/nothing", "PATCH", {"name": "New"}, If_Match="*"), 404)


def test_the_etag_of_what_had_the_slug_before_is_stale(edit: Get) -> None:
    etag = edit("/video/shows").headers["ETag"]
    assert edit("/video/shows", "DELETE").status == 204
    body(edit("/video", "POST", a_channel("Shows")), 201)
    body(edit("/video/shows", "PATCH", {"title": "New"}, If_Match=etag), 412)
