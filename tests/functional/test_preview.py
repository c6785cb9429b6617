"""The preview that editors have: everything, active or not, as it is at this moment."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib import catalogue, web
from tests.build import channel, content, put
from tests.functional.conftest import Get, body
from tests.functional.editing import traffic
from tests.hooks import hooked

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture(autouse=True)
def library(aws: None) -> None:
    put(
        [
            channel("storage", groups={"kids"}),
            channel("audio", "storage"),
            channel("video", "storage", groups={"kids"}),
            channel("hidden", "storage", active=False, groups={"kids"}),
            channel("movies", "video"),
            content("alien", "movies"),
            content("brazil", "movies", active=False),
            channel("draft", active=False),
            channel("below", "draft"),
        ]
    )


def slugs(page: dict[str, Any]) -> list[str]:
    return [item["slug"] for item in page["contents" if "contents" in page else "subchannels"]]


def test_a_preview_shows_and_lists_what_is_inactive(edit: Get) -> None:
    for path, listed in (
        ("", ["draft", "storage"]),
        ("/storage", ["audio", "hidden", "video"]),
        ("/draft", ["below"]),
        ("/draft/below", []),
        ("/storage/hidden", []),
        ("/storage/video/movies", ["alien", "brazil"]),
    ):
        page = body(edit(f"/-/preview{path}"))
        assert page["path"] == (path or "/")
        assert slugs(page) == listed
        assert page["next"] is None


def test_a_preview_says_what_is_inactive(edit: Get) -> None:
    assert body(edit("/-/preview/storage/hidden"))["active"] is False
    assert body(edit("/-/preview/storage/video/movies/brazil"))["active"] is False
    page = body(edit("/-/preview/storage"))
    assert [item["active"] for item in page["subchannels"]] == [True, False, True]
    assert page["subchannels"][1]["path"] == "/storage/hidden"


def test_a_preview_of_what_all_is_active_is_what_everyone_reads(edit: Get) -> None:
    for path in ("/storage/video", "/storage/audio", "/storage/video/movies/alien"):
        preview, public = edit(f"/-/preview{path}"), edit(path)
        assert preview.body == public.body
        assert preview.headers["ETag"] == public.headers["ETag"]


def test_a_preview_is_never_kept(edit: Get) -> None:
    for target, status in (
        ("/-/preview", 200),
        ("/-/preview/storage", 200),
        ("/-/preview/nothing", 404),
        ("/-/preview/audio", 404),
        ("/-/preview/storage?limit=0", 400),
        ("/-/preview/storage/storage", 404),
    ):
        reply = edit(target)
        body(reply, status)
        assert reply.headers["Cache-Control"] == "no-store"


def test_a_preview_can_be_asked_whether_it_is_still_so(edit: Get) -> None:
    etag = edit("/-/preview/storage").headers["ETag"]
    assert edit("/-/preview/storage", If_None_Match=etag).status == 304
    body(edit("/storage/hidden", "PATCH", {"active": True}))
    assert edit("/-/preview/storage", If_None_Match=etag).status == 200
    assert edit("/-/preview/storage", "HEAD").body == b""


def test_a_preview_is_filtered_by_a_group_and_goes_on_at_a_cursor(edit: Get) -> None:
    assert slugs(body(edit("/-/preview/storage?group=kids"))) == ["hidden", "video"]
    assert slugs(body(edit("/-/preview?group=kids"))) == ["storage"]
    assert slugs(body(edit("/-/preview/storage?group=nothing"))) == []
    pages = []
    target = "/-/preview/storage?limit=2"
    while target:
        page = body(edit(target))
        pages.append(slugs(page))
        url = urlsplit(page["next"] or "")
        assert url.path in ("", "/-/preview/storage")
        target = url.path and f"{url.path}?{url.query}"
    assert pages == [["audio", "hidden"], ["video"]]
    first = body(edit("/-/preview/storage/video/movies?limit=1"))
    assert slugs(first) == ["alien"]
    url = urlsplit(first["next"])
    assert slugs(body(edit(f"{url.path}?{url.query}"))) == ["brazil"]
    assert slugs(body(edit("/-/preview?limit=1"))) == ["draft"]


def test_a_preview_reads_what_was_written_up_to_now(edit: Get) -> None:
    for path in ("", "/storage", "/storage/video/movies"):
        with traffic() as sent:
            body(edit(f"/-/preview{path}"))
        reads = [request for operation, request in sent if operation == "BatchGetItem"]
        # What it leads through, if it is a path, and again what the index lists.
        assert len(reads) == 1 + bool(path)
        assert all(read["RequestItems"]["catalogue"]["ConsistentRead"] for read in reads)
        with traffic() as sent:
            body(edit(path or "/"))
        for _, read in sent:
            keys = read.get("RequestItems", {}).get("catalogue", {})
            assert not keys.get("ConsistentRead")  # for half the price


# ---- an index that lags, as DynamoDB's do by moments


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has an index asked again at once."""
    monkeypatch.setattr(catalogue, "INDEX_PAUSES", (0, 0, 0))


def lagging(change: Callable[[list[Any]], object], times: int = 1) -> AbstractContextManager[None]:
    """Has `change` change what the first listings hold, of those that hold anything."""
    left = [change] * times

    def lag(parsed: dict[str, Any], **kwargs: Any) -> None:
        if parsed["Items"] and left:
            left.pop()(parsed["Items"])

    return hooked("after-call.dynamodb.Query", lag)


@pytest.mark.parametrize("path", ["/storage", "/storage/video/movies"])
def test_an_index_that_lists_less_than_the_channel_counts_is_asked_again(
    edit: Get, path: str
) -> None:
    preview = f"/-/preview{path}"
    whole = body(edit(preview))
    for times in (1, 2, 3):
        with lagging(list.clear, times), traffic() as sent:
            assert body(edit(preview)) == whole
        assert [request.operation for request in sent].count("Query") == 2 + times
    with lagging(list.pop):
        assert body(edit(preview)) == whole
    with lagging(list.clear, 9):  # it is answered, with what there is
        assert slugs(body(edit(preview))) == []
    with lagging(list.clear), traffic() as sent:
        assert slugs(body(edit(path))) == []  # what everyone reads is fast
    assert len(sent) == 3


@pytest.mark.parametrize("path", ["/storage", "/storage/video/movies"])
def test_an_index_that_lists_what_is_gone_instead_of_what_is_new_is_asked_again(
    edit: Get, path: str
) -> None:
    def behind(listed: list[Any]) -> None:
        listed[-1] = listed[-1] | {"slug": {"S": "zz"}}

    whole = body(edit(f"/-/preview{path}"))
    with lagging(behind):
        assert body(edit(f"/-/preview{path}")) == whole


def test_an_index_is_asked_once_where_nothing_tells_how_much_there_is(edit: Get) -> None:
    with lagging(list.pop), traffic() as sent:
        assert slugs(body(edit("/-/preview/storage?group=kids"))) == ["hidden"]
    assert [request.operation for request in sent].count("Query") == 2


def with_another(slug: str) -> Callable[[list[Any]], object]:
    """Lists also an item that isn't there any more, or is elsewhere now."""
    return lambda listed: listed.append(listed[0] | {"slug": {"S": slug}})


def test_what_an_index_lists_still_is_not_shown(edit: Get) -> None:
    # "gone" isn't in the catalogue, "below" is below something else, "audio" is in no group.
    for target in ("/-/preview/storage", "/-/preview", "/-/preview/storage/video/movies"):
        whole = body(edit(target))
        for slug in ("gone", "below"):
            with lagging(with_another(slug)):
                assert body(edit(target)) == whole
    with lagging(with_another("audio")):
        assert slugs(body(edit("/-/preview/storage?group=kids"))) == ["hidden", "video"]


def test_a_preview_tells_of_what_is_below_as_it_is_and_not_as_the_index_has_it(edit: Get) -> None:
    def old(listed: list[Any]) -> None:
        for item in listed:
            item["name" if "name" in item else "title"] = {"S": "Old"}

    for target in ("/-/preview/storage", "/-/preview", "/-/preview/storage/video/movies"):
        whole = body(edit(target))
        with lagging(old):
            assert body(edit(target)) == whole


# ---- what is being deleted


@pytest.mark.parametrize("below", ["delete", "detach"])
def test_a_preview_does_not_show_what_is_being_deleted(
    edit: Get, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    monkeypatch.setattr(web, "WORK", -1)
    body(edit(f"/storage/video?below={below}", "DELETE"), 503)
    for path in ("/storage/video", "/storage/video/movies", "/storage/video/movies/alien"):
        body(edit(f"/-/preview{path}"), 404)
    assert slugs(body(edit("/-/preview/storage"))) == ["audio", "hidden"]
    assert slugs(body(edit("/-/preview/storage?group=kids"))) == ["hidden"]
    body(edit("/storage?below=delete", "DELETE"), 503)
    assert slugs(body(edit("/-/preview"))) == ["draft"]
