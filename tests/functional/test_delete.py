"""Deleting over HTTP, of whatever size, and going on with what was cut off."""

from decimal import Decimal
from functools import partial

import pytest

from chalicelib import removal
from chalicelib.errors import Unavailable
from chalicelib.models import Gone, Group, Item
from tests.build import channel, content, put
from tests.functional.conftest import Get, body
from tests.functional.editing import (
    Sent,
    a_channel,
    a_content,
    a_library,
    broken,
    finished,
    totals,
    traffic,
)

pytestmark = pytest.mark.usefixtures("aws")

MOVIES = "/storage/video/movies"


@pytest.fixture(autouse=True)
def library(aws: None) -> None:
    put([*a_library(), content("brazil", "movies", "7.9"), channel("audio", "storage")])


def there() -> list[str]:
    return sorted(item.slug for item in Item.scan() if not isinstance(item, Gone))


# ---- what has nothing below


def test_a_content_is_deleted(edit: Get) -> None:
    reply = edit(f"{MOVIES}/alien", "DELETE")
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["Cache-Control"] == "no-store"
    assert edit(f"{MOVIES}/alien").status == 404
    assert totals("movies") == (1, 7.9, 1)
    body(edit(f"{MOVIES}/alien", "DELETE"), 404)
    assert broken() == []


def test_an_empty_channel_is_deleted_and_its_channel_can_have_the_other_kind(edit: Get) -> None:
    for path in (f"{MOVIES}/alien", f"{MOVIES}/brazil", MOVIES, "/storage/video/shows"):
        assert edit(path, "DELETE").status == 204
    body(edit("/storage/video", "POST", a_content("Alien")), 201)
    assert there() == ["alien", "audio", "storage", "video"]
    assert broken() == []


def test_a_deleted_channel_is_out_of_the_groups_count_above(edit: Get) -> None:
    Group("kids", title="Kids").save()
    body(edit("/storage/audio", "PATCH", {"groups": ["kids"]}))
    body(edit("/storage", "PATCH", {"groups": []}), 409)
    assert edit("/storage/audio", "DELETE").status == 204
    assert body(edit("/storage", "PATCH", {"groups": []}))["groups"] == []
    assert broken() == []


def test_how_is_no_matter_where_nothing_is_below(edit: Get) -> None:
    assert edit(f"{MOVIES}/alien?below=delete", "DELETE").status == 204
    assert edit(f"{MOVIES}/brazil?below=detach", "DELETE").status == 204
    assert edit(f"{MOVIES}?below=delete", "DELETE").status == 204
    assert edit("/storage/audio?below=detach", "DELETE").status == 204
    assert there() == ["shows", "storage", "video"]


def test_what_is_not_there_can_not_be_deleted(edit: Get) -> None:
    before = there()
    for path in ("/nothing", "/video", "/storage/movies", "/-/groups/nothing"):
        body(edit(path, "DELETE"), 404)
    assert there() == before


def test_what_is_inactive_is_deleted_too(edit: Get) -> None:
    body(edit("/storage", "PATCH", {"active": False}))
    assert edit(f"{MOVIES}/alien", "DELETE").status == 204
    assert edit("/storage?below=delete", "DELETE").status == 204
    assert there() == []


# ---- what has something below


def test_without_saying_what_for_nothing_is_deleted_with_what_is_below(edit: Get) -> None:
    before = there()
    subchannels = body(edit("/storage/video", "DELETE"), 409)["detail"]
    assert "2 subchannels" in subchannels
    assert "?below=delete" in subchannels
    assert "?below=detach" in subchannels
    contents = body(edit(MOVIES, "DELETE"), 409)["detail"]
    assert "2 contents" in contents
    assert "?below=delete" in contents
    assert "detach" not in contents
    assert there() == before
    assert edit(MOVIES).status == 200


def test_another_way_to_say_it_is_refused(edit: Get) -> None:
    for below in ("", "all", "DELETE", "true", "delete,detach"):
        found = body(edit(f"/storage/video?below={below}", "DELETE"), 400)
        assert found["errors"] == [{"field": "below", "reason": "Must be delete or detach."}]
    body(edit("/storage/video?below=delete&below=delete", "DELETE"), 400)
    body(edit("/storage/video?force=true", "DELETE"), 400)
    assert edit("/storage/video").status == 200


def test_all_that_is_below_is_deleted_at_any_depth(edit: Get) -> None:
    put([channel("s1", "shows"), channel("s2", "s1"), content("end", "s2")])
    assert edit("/storage/video?below=delete", "DELETE").status == 204
    assert there() == ["audio", "storage"]
    assert totals("storage") == (1, 0, 0)
    assert broken() == []
    # And every slug is free again.
    body(edit("/storage", "POST", a_channel("Video", slug="video")), 201)
    body(edit("/storage/video", "POST", a_content("S1", slug="s1")), 201)
    assert broken() == []


def test_more_contents_are_deleted_than_a_transaction_takes(edit: Get) -> None:
    with Item.batch_write() as batch:  # moto is slow at transactions
        batch.save(channel("many", children=97, rating_count=97, rating_sum=Decimal(485)))
        for number in range(97):
            batch.save(content(f"n{number}", "many"))
    with traffic() as sent:
        assert edit("/many?below=delete", "DELETE").status == 204
    sizes = [len(request.written) for request in sent if request.written]
    # The mark, with the epoch; 90 contents with their channel, the other 7, and the channel.
    assert sizes == [2, 91, 8, 1]
    assert "many" not in there()
    assert len(there()) == 7
    assert broken() == []


def test_contents_that_are_too_large_for_one_transaction_are_deleted(edit: Get) -> None:
    large = '{"text":"' + "я" * 180_000 + '"}'
    with Item.batch_write() as batch:
        batch.save(channel("large", children=12, rating_count=12, rating_sum=Decimal(60)))
        for number in range(12):
            batch.save(content(f"n{number:02}", "large", metadata=large))
    assert edit("/large?below=delete", "DELETE").status == 204
    assert len(there()) == 7
    assert broken() == []


def test_subchannels_become_origin_channels(edit: Get) -> None:
    Group("kids", title="Kids").save()
    body(edit(MOVIES, "PATCH", {"groups": ["kids"]}))
    assert edit("/storage/video?below=detach", "DELETE").status == 204
    assert there() == ["alien", "audio", "brazil", "movies", "shows", "storage"]
    assert [item["slug"] for item in body(edit("/"))["subchannels"]] == [
        "movies",
        "shows",
        "storage",
    ]
    page = body(edit("/movies"))
    assert (page["superchannel"], page["groups"]) == (None, ["kids"])
    assert [item["slug"] for item in page["contents"]] == ["alien", "brazil"]
    assert edit("/storage/video").status == 404
    assert broken() == []


def test_contents_can_not_be_without_a_channel(edit: Get) -> None:
    found = body(edit(f"{MOVIES}?below=detach", "DELETE"), 409)
    assert "?below=delete" in found["detail"]
    assert body(edit(MOVIES))["contents"]
    assert broken() == []


# ---- If-Match


def test_what_was_changed_since_it_was_read_is_not_deleted(edit: Get) -> None:
    for path in (f"{MOVIES}/alien", "/storage/audio", "/storage/video"):
        old = edit(path).headers["ETag"]
        field = "name" if path.endswith("alien") else "title"
        new = edit(path, "PATCH", {field: "New"}).headers["ETag"]
        for stale in (old, f"W/{new}", '"x"'):
            body(edit(f"{path}?below=delete", "DELETE", If_Match=stale), 412)
        assert body(edit(path))[field] == "New"
        assert edit(f"{path}?below=delete", "DELETE", If_Match=f"{old}, {new}").status == 204
    assert broken() == []


# ---- what is cut off


@pytest.mark.parametrize("below", ["delete", "detach"])
def test_what_time_was_too_short_for_is_hidden_and_finished_by_the_next(
    edit: Get, no_time: pytest.MonkeyPatch, below: str
) -> None:
    etag = edit("/storage/video").headers["ETag"]
    delete = partial(edit, f"/storage/video?below={below}", "DELETE", If_Match=etag)
    for _ in range(2):
        reply = delete()
        assert "again" in body(reply, 503)["detail"]
        assert reply.headers["Retry-After"] == "1"
    for path in ("/storage/video", MOVIES, f"{MOVIES}/alien", "/storage/video/shows"):
        for target in (path, f"/-/preview{path}"):
            assert edit(target).status == 404
    for target in ("/storage", "/-/preview/storage"):
        assert [item["slug"] for item in body(edit(target))["subchannels"]] == ["audio"]
    for path, sent in (
        ("/storage/video", a_channel("New")),
        ("/storage/video/shows", a_content("New")),
        (MOVIES, a_content("New")),
    ):
        body(edit(path, "POST", sent), 404)
        body(edit(path, "PATCH", {"title": "New"}), 404)
    body(edit(f"{MOVIES}/alien", "DELETE"), 404)
    assert broken() == []

    no_time.undo()
    assert delete().status == 204
    kept = ["alien", "brazil", "movies", "shows"] if below == "detach" else []
    assert there() == sorted(["storage", "audio", *kept])
    body(delete(), 404)
    assert broken() == []


def test_nothing_is_moved_into_or_out_of_what_is_being_deleted(
    edit: Get, no_time: pytest.MonkeyPatch
) -> None:
    body(edit("/storage/video?below=delete", "DELETE"), 503)
    for to in ("video", "shows"):
        found = body(edit("/storage/audio", "PATCH", {"superchannel": to}), 400)
        wrong = {"field": "superchannel", "reason": f"There is no channel {to}."}
        assert found["errors"] == [wrong]
    body(edit("/storage/video/shows", "PATCH", {"superchannel": None}), 404)
    body(edit("/storage", "POST", a_channel("Video", slug="video")), 409)  # not free yet
    no_time.undo()
    assert edit("/storage/video", "DELETE").status == 204  # goes on as it was begun
    assert there() == ["audio", "storage"]
    assert broken() == []


@pytest.mark.parametrize(("begun", "other"), [("delete", "detach"), ("detach", "delete")])
def test_what_was_begun_in_one_way_is_not_finished_in_the_other(
    edit: Get, no_time: pytest.MonkeyPatch, begun: str, other: str
) -> None:
    body(edit(f"/storage/video?below={begun}", "DELETE"), 503)
    found = body(edit(f"/storage/video?below={other}", "DELETE"), 409)
    assert f"?below={begun}" in found["detail"]
    no_time.undo()
    body(edit(f"/storage/video?below={other}", "DELETE"), 409)
    assert edit(f"/storage/video?below={begun}", "DELETE").status == 204
    assert ("alien" in there()) == (begun == "detach")


def test_what_was_to_be_detached_stays_when_all_around_it_is_deleted(
    edit: Get, no_time: pytest.MonkeyPatch
) -> None:
    body(edit("/storage/video?below=detach", "DELETE"), 503)
    no_time.undo()
    assert edit("/storage?below=delete", "DELETE").status == 204
    assert there() == ["alien", "brazil", "movies", "shows"]
    assert edit("/movies/alien").status == 200
    assert broken() == []


def begun(path: str) -> None:
    """Begins a deletion, and comes no further."""
    with pytest.raises(Unavailable):
        removal.delete(path.split("/")[1:], below="delete", deadline=0)


def test_what_was_decided_before_a_deletion_began_is_not_put_into_what_goes(edit: Get) -> None:
    def meanwhile(sent: Sent) -> None:
        if sent.written == ["Put new", "Update video"] and not begins:
            begins.append(sent)
            begun("/storage/video")

    begins: list[Sent] = []
    with traffic(meanwhile):
        body(edit("/storage/video", "POST", a_channel("New")), 404)
    assert begins
    assert edit("/storage/video", "DELETE").status == 204
    assert there() == ["audio", "storage"]
    assert broken() == []


def test_what_still_gets_below_what_goes_goes_with_it(edit: Get) -> None:
    def meanwhile(sent: Sent) -> None:
        if sent.written == ["Put new", "Update shows"] and not begins:
            begins.append(sent)
            begun("/storage/video")

    begins: list[Sent] = []
    with traffic(meanwhile):
        body(edit("/storage/video/shows", "POST", a_content("New")), 201)
    assert begins
    assert broken() == []
    body(edit("/storage/video/shows/new"), 404)
    assert edit("/storage/video", "DELETE").status == 204
    assert there() == ["audio", "storage"]


@pytest.mark.parametrize(("below", "calls"), [("delete", 5), ("detach", 3)])
def test_what_crashes_after_every_step_goes_on_where_it_was(
    edit: Get, below: str, calls: int
) -> None:
    assert finished(edit, f"/storage/video?below={below}") == [500] * (calls - 1) + [204]
    kept = ["alien", "brazil", "movies", "shows"] if below == "detach" else []
    assert there() == sorted(["storage", "audio", *kept])
