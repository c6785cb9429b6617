"""Deleting groups over HTTP: every channel leaves them, however many calls that takes."""

from functools import partial

import pytest

from chalicelib import batches
from chalicelib.models import Channel, Group
from tests.build import channel, content, put
from tests.functional.conftest import Get, body
from tests.functional.editing import a_channel, a_library, broken, finished

pytestmark = pytest.mark.usefixtures("aws")

MOVIES = "/storage/video/movies"


@pytest.fixture(autouse=True)
def library(aws: None) -> None:
    put([*a_library(), content("brazil", "movies", "7.9"), channel("audio", "storage")])


@pytest.fixture
def grouped(edit: Get) -> None:
    Group("kids", title="Kids").save()
    for path in (MOVIES, "/storage/audio"):
        body(edit(path, "PATCH", {"groups": ["kids"]}))


def members() -> list[str]:
    return sorted(found.slug for found in Channel.scan() if found.groups)


@pytest.mark.usefixtures("grouped")
def test_a_group_is_deleted_and_every_channel_is_out_of_it(edit: Get) -> None:
    body(edit("/storage", "PATCH", {"title": "New"}))
    assert members() == ["audio", "movies", "storage", "video"]
    reply = edit("/-/groups/kids", "DELETE")
    assert (reply.status, reply.body) == (204, b"")
    assert members() == []
    assert edit("/-/groups/kids").status == 404
    assert body(edit("/storage?group=kids"))["subchannels"] == []
    body(edit("/-/groups/kids", "DELETE"), 404)
    assert broken() == []
    # The slug is free, and nothing is in the new one.
    body(edit("/-/groups", "POST", {"title": "Kids", "slug": "kids"}), 201)
    assert members() == []
    assert body(edit(MOVIES, "PATCH", {"groups": ["kids"]}))["groups"] == ["kids"]
    assert broken() == []


@pytest.mark.usefixtures("grouped")
def test_a_group_that_time_was_too_short_for_is_hidden_and_finished_by_the_next(
    edit: Get, no_time: pytest.MonkeyPatch
) -> None:
    etag = edit("/-/groups/kids").headers["ETag"]
    delete = partial(edit, "/-/groups/kids", "DELETE", If_Match=etag)
    for _ in range(2):
        reply = delete()
        assert "again" in body(reply, 503)["detail"]
        assert reply.headers["Retry-After"] == "1"
    assert edit("/-/groups/kids").status == 404
    assert body(edit("/-/groups"))["groups"] == []
    body(edit("/-/groups/kids", "PATCH", {"active": True}), 404)
    refused = body(edit("/-/groups", "POST", {"title": "Kids", "slug": "kids"}), 409)
    assert "being deleted" in refused["detail"]
    put([channel("archive")])
    for target, method in (("/", "POST"), ("/archive", "PATCH")):
        found = body(edit(target, method, a_channel("New", groups=["kids"])), 400)
        assert found["errors"] == [{"field": "groups", "reason": "There is no group kids."}]
    assert broken() == []
    no_time.undo()
    assert delete().status == 204
    assert members() == []
    body(edit("/-/groups", "POST", {"title": "Kids", "slug": "kids"}), 201)
    assert broken() == []


@pytest.mark.usefixtures("grouped")
def test_a_group_whose_deletion_crashes_after_every_step_goes_on_where_it_was(edit: Get) -> None:
    # It is marked; the channels leave it; it goes.
    assert finished(edit, "/-/groups/kids") == [500, 500, 204]
    assert members() == []


@pytest.mark.usefixtures("grouped")
def test_more_channels_leave_a_group_than_a_transaction_takes_what_is_below_first(
    edit: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_ITEMS", 5)
    # First movies, which video counts; then video and audio, which storage does; then storage.
    assert finished(edit, "/-/groups/kids") == [500, 500, 500, 500, 204]
    assert members() == []


@pytest.mark.usefixtures("grouped")
def test_a_group_that_was_changed_since_it_was_read_is_not_deleted(edit: Get) -> None:
    old = edit("/-/groups/kids").headers["ETag"]
    new = edit("/-/groups/kids", "PATCH", {"title": "Children"}).headers["ETag"]
    body(edit("/-/groups/kids", "DELETE", If_Match=old), 412)
    assert members() == ["audio", "movies", "storage", "video"]
    assert edit("/-/groups/kids", "DELETE", If_Match=new).status == 204


def test_a_group_takes_no_parameters_to_be_deleted(edit: Get) -> None:
    Group("kids", title="Kids").save()
    body(edit("/-/groups/kids?below=delete", "DELETE"), 400)
    assert edit("/-/groups/kids").status == 200
