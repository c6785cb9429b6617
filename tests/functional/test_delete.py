"""Deleting over HTTP, of whatever size, and going on with what was cut off."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial

import pytest

from chalicelib import batches, removal, web
from chalicelib.errors import Unavailable
from chalicelib.models import Channel, Gone, Group, Item
from tests.build import channel, content, put
from tests.functional.conftest import Get, body
from tests.functional.editing import Sent, a_channel, a_content, broken, totals, traffic

pytestmark = pytest.mark.usefixtures("aws")

MOVIES = "/storage/video/movies"


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
            content("brazil", "movies", "7.9"),
            channel("shows", "video"),
            channel("audio", "storage"),
        ]
    )


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Lets every deletion run out of time before its first step; undone by `undo`."""
    with monkeypatch.context() as patch:
        patch.setattr(web, "WORK", -1)
        yield patch


def there() -> list[str]:
    return sorted(item.slug for item in Item.scan() if not isinstance(item, Gone))


# ---- what has nothing below


def test_a_content_is_deleted(get: Get) -> None:
    reply = get(f"{MOVIES}/alien", "DELETE")
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["Cache-Control"] == "no-store"
    assert get(f"{MOVIES}/alien").status == 404
    assert totals("movies") == (1, 7.9, 1)
    body(get(f"{MOVIES}/alien", "DELETE"), 404)
    assert broken() == []


def test_an_empty_channel_is_deleted_and_its_channel_can_have_the_other_kind(get: Get) -> None:
    for path in (f"{MOVIES}/alien", f"{MOVIES}/brazil", MOVIES, "/storage/video/shows"):
        assert get(path, "DELETE").status == 204
    body(get("/storage/video", "POST", a_content("Alien")), 201)
    assert there() == ["alien", "audio", "storage", "video"]
    assert broken() == []


def test_a_deleted_channel_is_out_of_the_groups_count_above(get: Get) -> None:
    Group("kids", title="Kids").save()
    body(get("/storage/audio", "PATCH", {"groups": ["kids"]}))
    body(get("/storage", "PATCH", {"groups": []}), 409)
    assert get("/storage/audio", "DELETE").status == 204
    assert body(get("/storage", "PATCH", {"groups": []}))["groups"] == []
    assert broken() == []


def test_how_is_no_matter_where_nothing_is_below(get: Get) -> None:
    assert get(f"{MOVIES}/alien?below=delete", "DELETE").status == 204
    assert get(f"{MOVIES}/brazil?below=detach", "DELETE").status == 204
    assert get(f"{MOVIES}?below=delete", "DELETE").status == 204
    assert get("/storage/audio?below=detach", "DELETE").status == 204
    assert there() == ["shows", "storage", "video"]


def test_what_is_not_there_can_not_be_deleted(get: Get) -> None:
    before = there()
    for path in ("/nothing", "/video", "/storage/movies", "/-/groups/nothing"):
        body(get(path, "DELETE"), 404)
    assert there() == before


def test_what_is_inactive_is_deleted_too(get: Get) -> None:
    body(get("/storage", "PATCH", {"active": False}))
    assert get(f"{MOVIES}/alien", "DELETE").status == 204
    assert get("/storage?below=delete", "DELETE").status == 204
    assert there() == []


# ---- what has something below


def test_without_saying_what_for_nothing_is_deleted_with_what_is_below(get: Get) -> None:
    before = there()
    subchannels = body(get("/storage/video", "DELETE"), 409)["detail"]
    assert "2 subchannels" in subchannels
    assert "?below=delete" in subchannels
    assert "?below=detach" in subchannels
    contents = body(get(MOVIES, "DELETE"), 409)["detail"]
    assert "2 contents" in contents
    assert "?below=delete" in contents
    assert "detach" not in contents
    assert there() == before
    assert get(MOVIES).status == 200


def test_another_way_to_say_it_is_refused(get: Get) -> None:
    for below in ("", "all", "DELETE", "true", "delete,detach"):
        found = body(get(f"/storage/video?below={below}", "DELETE"), 400)
        assert found["errors"] == [{"field": "below", "reason": "Must be delete or detach."}]
    body(get("/storage/video?below=delete&below=delete", "DELETE"), 400)
    body(get("/storage/video?force=true", "DELETE"), 400)
    assert get("/storage/video").status == 200


def test_all_that_is_below_is_deleted_at_any_depth(get: Get) -> None:
    put([channel("s1", "shows"), channel("s2", "s1"), content("end", "s2")])
    assert get("/storage/video?below=delete", "DELETE").status == 204
    assert there() == ["audio", "storage"]
    assert totals("storage") == (1, 0, 0)
    assert broken() == []
    # And every slug is free again.
    body(get("/storage", "POST", a_channel("Video", slug="video")), 201)
    body(get("/storage/video", "POST", a_content("S1", slug="s1")), 201)
    assert broken() == []


def test_more_contents_are_deleted_than_a_transaction_takes(get: Get) -> None:
    with Item.batch_write() as batch:  # moto is slow at transactions
        batch.save(channel("many", children=97, rating_count=97, rating_sum=Decimal(485)))
        for number in range(97):
            batch.save(content(f"n{number}", "many"))
    with traffic() as sent:
        assert get("/many?below=delete", "DELETE").status == 204
    sizes = [len(request.written) for request in sent if request.written]
    # The mark, with the epoch; 90 contents with their channel, the other 7, and the channel.
    assert sizes == [2, 91, 8, 1]
    assert "many" not in there()
    assert len(there()) == 7
    assert broken() == []


def test_contents_that_are_too_large_for_one_transaction_are_deleted(get: Get) -> None:
    large = '{"text":"' + "я" * 180_000 + '"}'
    with Item.batch_write() as batch:
        batch.save(channel("large", children=12, rating_count=12, rating_sum=Decimal(60)))
        for number in range(12):
            batch.save(content(f"n{number:02}", "large", metadata=large))
    assert get("/large?below=delete", "DELETE").status == 204
    assert len(there()) == 7
    assert broken() == []


def test_subchannels_become_origin_channels(get: Get) -> None:
    Group("kids", title="Kids").save()
    body(get(MOVIES, "PATCH", {"groups": ["kids"]}))
    assert get("/storage/video?below=detach", "DELETE").status == 204
    assert there() == ["alien", "audio", "brazil", "movies", "shows", "storage"]
    assert [item["slug"] for item in body(get("/"))["subchannels"]] == [
        "movies",
        "shows",
        "storage",
    ]
    page = body(get("/movies"))
    assert (page["superchannel"], page["groups"]) == (None, ["kids"])
    assert [item["slug"] for item in page["contents"]] == ["alien", "brazil"]
    assert get("/storage/video").status == 404
    assert broken() == []


def test_contents_can_not_be_without_a_channel(get: Get) -> None:
    found = body(get(f"{MOVIES}?below=detach", "DELETE"), 409)
    assert "?below=delete" in found["detail"]
    assert body(get(MOVIES))["contents"]
    assert broken() == []


# ---- If-Match


def test_what_was_changed_since_it_was_read_is_not_deleted(get: Get) -> None:
    for path in (f"{MOVIES}/alien", "/storage/audio", "/storage/video"):
        old = get(path).headers["ETag"]
        field = "name" if path.endswith("alien") else "title"
        new = get(path, "PATCH", {field: "New"}).headers["ETag"]
        for stale in (old, f"W/{new}", '"x"'):
            body(get(f"{path}?below=delete", "DELETE", If_Match=stale), 412)
        assert body(get(path))[field] == "New"
        assert get(f"{path}?below=delete", "DELETE", If_Match=f"{old}, {new}").status == 204
    assert broken() == []


# ---- what is cut off


@pytest.mark.parametrize("below", ["delete", "detach"])
def test_what_time_was_too_short_for_is_hidden_and_finished_by_the_next(
    get: Get, no_time: pytest.MonkeyPatch, below: str
) -> None:
    etag = get("/storage/video").headers["ETag"]
    delete = partial(get, f"/storage/video?below={below}", "DELETE", If_Match=etag)
    for _ in range(2):
        reply = delete()
        assert "again" in body(reply, 503)["detail"]
        assert reply.headers["Retry-After"] == "1"
    for path in ("/storage/video", MOVIES, f"{MOVIES}/alien", "/storage/video/shows"):
        for target in (path, f"/-/preview{path}"):
            assert get(target).status == 404
    for target in ("/storage", "/-/preview/storage"):
        assert [item["slug"] for item in body(get(target))["subchannels"]] == ["audio"]
    for path, sent in (
        ("/storage/video", a_channel("New")),
        ("/storage/video/shows", a_content("New")),
        (MOVIES, a_content("New")),
    ):
        body(get(path, "POST", sent), 404)
        body(get(path, "PATCH", {"title": "New"}), 404)
    body(get(f"{MOVIES}/alien", "DELETE"), 404)
    assert broken() == []

    no_time.undo()
    assert delete().status == 204
    kept = ["alien", "brazil", "movies", "shows"] if below == "detach" else []
    assert there() == sorted(["storage", "audio", *kept])
    body(delete(), 404)
    assert broken() == []


def test_nothing_is_moved_into_or_out_of_what_is_being_deleted(
    get: Get, no_time: pytest.MonkeyPatch
) -> None:
    body(get("/storage/video?below=delete", "DELETE"), 503)
    for to in ("video", "shows"):
        found = body(get("/storage/audio", "PATCH", {"superchannel": to}), 400)
        wrong = {"field": "superchannel", "reason": f"There is no channel {to}."}
        assert found["errors"] == [wrong]
    body(get("/storage/video/shows", "PATCH", {"superchannel": None}), 404)
    body(get("/storage", "POST", a_channel("Video", slug="video")), 409)  # not free yet
    no_time.undo()
    assert get("/storage/video", "DELETE").status == 204  # goes on as it was begun
    assert there() == ["audio", "storage"]
    assert broken() == []


@pytest.mark.parametrize(("begun", "other"), [("delete", "detach"), ("detach", "delete")])
def test_what_was_begun_in_one_way_is_not_finished_in_the_other(
    get: Get, no_time: pytest.MonkeyPatch, begun: str, other: str
) -> None:
    body(get(f"/storage/video?below={begun}", "DELETE"), 503)
    found = body(get(f"/storage/video?below={other}", "DELETE"), 409)
    assert f"?below={begun}" in found["detail"]
    no_time.undo()
    body(get(f"/storage/video?below={other}", "DELETE"), 409)
    assert get(f"/storage/video?below={begun}", "DELETE").status == 204
    assert ("alien" in there()) == (begun == "detach")


def test_what_was_to_be_detached_stays_when_all_around_it_is_deleted(
    get: Get, no_time: pytest.MonkeyPatch
) -> None:
    body(get("/storage/video?below=detach", "DELETE"), 503)
    no_time.undo()
    assert get("/storage?below=delete", "DELETE").status == 204
    assert there() == ["alien", "brazil", "movies", "shows"]
    assert get("/movies/alien").status == 200
    assert broken() == []


def begun(path: str) -> None:
    """Begins a deletion, and comes no further."""
    with pytest.raises(Unavailable):
        removal.delete(path.split("/")[1:], below="delete", deadline=0)


def test_what_was_decided_before_a_deletion_began_is_not_put_into_what_goes(get: Get) -> None:
    def meanwhile(sent: Sent) -> None:
        if sent.written == ["Put new", "Update video"] and not begins:
            begins.append(sent)
            begun("/storage/video")

    begins: list[Sent] = []
    with traffic(meanwhile):
        body(get("/storage/video", "POST", a_channel("New")), 404)
    assert begins
    assert get("/storage/video", "DELETE").status == 204
    assert there() == ["audio", "storage"]
    assert broken() == []


def test_what_still_gets_below_what_goes_goes_with_it(get: Get) -> None:
    def meanwhile(sent: Sent) -> None:
        if sent.written == ["Put new", "Update shows"] and not begins:
            begins.append(sent)
            begun("/storage/video")

    begins: list[Sent] = []
    with traffic(meanwhile):
        body(get("/storage/video/shows", "POST", a_content("New")), 201)
    assert begins
    assert broken() == []
    body(get("/storage/video/shows/new"), 404)
    assert get("/storage/video", "DELETE").status == 204
    assert there() == ["audio", "storage"]


class Crash(Exception):
    """What no code of ours expects."""


def finished(get: Get, target: str) -> list[int]:
    """The answers to a DELETE that crashes after each transaction, until one doesn't."""
    statuses: list[int] = []
    while not statuses or statuses[-1] == 500:
        assert len(statuses) < 10
        written: list[Sent] = []

        def crash(sent: Sent, written: list[Sent] = written) -> None:
            if sent.written and written:
                raise Crash
            written += [sent] if sent.written else []

        with traffic(crash):
            statuses.append(get(target, "DELETE").status)
        assert broken() == []
        assert get(target.partition("?")[0]).status == 404
    return statuses


@pytest.mark.parametrize(("below", "calls"), [("delete", 5), ("detach", 3)])
def test_what_crashes_after_every_step_goes_on_where_it_was(
    get: Get, below: str, calls: int
) -> None:
    assert finished(get, f"/storage/video?below={below}") == [500] * (calls - 1) + [204]
    kept = ["alien", "brazil", "movies", "shows"] if below == "detach" else []
    assert there() == sorted(["storage", "audio", *kept])


# ---- groups


@pytest.fixture
def grouped(get: Get) -> None:
    Group("kids", title="Kids").save()
    for path in (MOVIES, "/storage/audio"):
        body(get(path, "PATCH", {"groups": ["kids"]}))


def members() -> list[str]:
    return sorted(found.slug for found in Channel.scan() if found.groups)


@pytest.mark.usefixtures("grouped")
def test_a_group_is_deleted_and_every_channel_is_out_of_it(get: Get) -> None:
    body(get("/storage", "PATCH", {"title": "New"}))
    assert members() == ["audio", "movies", "storage", "video"]
    reply = get("/-/groups/kids", "DELETE")
    assert (reply.status, reply.body) == (204, b"")
    assert members() == []
    assert get("/-/groups/kids").status == 404
    assert body(get("/storage?group=kids"))["subchannels"] == []
    body(get("/-/groups/kids", "DELETE"), 404)
    assert broken() == []
    # The slug is free, and nothing is in the new one.
    body(get("/-/groups", "POST", {"title": "Kids", "slug": "kids"}), 201)
    assert members() == []
    assert body(get(MOVIES, "PATCH", {"groups": ["kids"]}))["groups"] == ["kids"]
    assert broken() == []


@pytest.mark.usefixtures("grouped")
def test_a_group_that_time_was_too_short_for_is_hidden_and_finished_by_the_next(
    get: Get, no_time: pytest.MonkeyPatch
) -> None:
    etag = get("/-/groups/kids").headers["ETag"]
    delete = partial(get, "/-/groups/kids", "DELETE", If_Match=etag)
    for _ in range(2):
        reply = delete()
        assert "again" in body(reply, 503)["detail"]
        assert reply.headers["Retry-After"] == "1"
    assert get("/-/groups/kids").status == 404
    assert body(get("/-/groups"))["groups"] == []
    body(get("/-/groups/kids", "PATCH", {"active": True}), 404)
    refused = body(get("/-/groups", "POST", {"title": "Kids", "slug": "kids"}), 409)
    assert "being deleted" in refused["detail"]
    put([channel("archive")])
    for target, method in (("/", "POST"), ("/archive", "PATCH")):
        found = body(get(target, method, a_channel("New", groups=["kids"])), 400)
        assert found["errors"] == [{"field": "groups", "reason": "There is no group kids."}]
    assert broken() == []
    no_time.undo()
    assert delete().status == 204
    assert members() == []
    body(get("/-/groups", "POST", {"title": "Kids", "slug": "kids"}), 201)
    assert broken() == []


@pytest.mark.usefixtures("grouped")
def test_a_group_whose_deletion_crashes_after_every_step_goes_on_where_it_was(get: Get) -> None:
    # It is marked; the channels leave it; it goes.
    assert finished(get, "/-/groups/kids") == [500, 500, 204]
    assert members() == []


@pytest.mark.usefixtures("grouped")
def test_more_channels_leave_a_group_than_a_transaction_takes_what_is_below_first(
    get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_ITEMS", 5)
    # First movies, which video counts; then video and audio, which storage does; then storage.
    assert finished(get, "/-/groups/kids") == [500, 500, 500, 500, 204]
    assert members() == []


@pytest.mark.usefixtures("grouped")
def test_a_group_that_was_changed_since_it_was_read_is_not_deleted(get: Get) -> None:
    old = get("/-/groups/kids").headers["ETag"]
    new = get("/-/groups/kids", "PATCH", {"title": "Children"}).headers["ETag"]
    body(get("/-/groups/kids", "DELETE", If_Match=old), 412)
    assert members() == ["audio", "movies", "storage", "video"]
    assert get("/-/groups/kids", "DELETE", If_Match=new).status == 204


def test_a_group_takes_no_parameters_to_be_deleted(get: Get) -> None:
    Group("kids", title="Kids").save()
    body(get("/-/groups/kids?below=delete", "DELETE"), 400)
    assert get("/-/groups/kids").status == 200
