"""Reads of the catalogue over HTTP."""

import itertools
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib import catalogue
from chalicelib.models import Channel, Content, Group, Item
from tests.build import chain, channel, content, put
from tests.functional.conftest import Get, body

pytestmark = pytest.mark.usefixtures("aws")

GROUPED = ["kids", "news"]


@pytest.fixture
def library(aws: None) -> None:
    put(
        [
            channel("storage", groups=set(GROUPED)),
            channel("video", "storage", groups=set(GROUPED)),
            channel("cartoons", "video", groups={"kids"}, picture_url="https://x.example/p.png"),
            channel("movies", "video"),
            channel("reports", "video", groups={"news"}),
            channel("hidden", "video", active=False),
            channel("below-hidden", "hidden"),
            channel("audio", "storage"),
            content("alien", "movies", "8.5", metadata='{"year":1979}'),
            content("brazil", "movies", "7.9"),
            content("cut", "movies", active=False),
        ]
    )


def slugs(page: dict[str, Any]) -> list[str]:
    return [item["slug"] for item in page["contents" if "contents" in page else "subchannels"]]


def every_page(get: Get, target: str) -> list[list[str]]:
    pages = []
    while target:
        page = body(get(target))
        pages.append(slugs(page))
        target = page["next"] or ""
        if target:
            url = urlsplit(target)
            assert (url.scheme, url.netloc) == ("https", "api.example.com")
            target = f"{url.path}?{url.query}"
    return pages


def test_an_empty_catalogue_lists_nothing(get: Get) -> None:
    assert body(get("/")) == {"path": "/", "subchannels": [], "next": None}


@pytest.mark.usefixtures("library")
def test_the_root_lists_origin_channels(get: Get) -> None:
    assert body(get("/"))["subchannels"] == [
        {
            "kind": "channel",
            "slug": "storage",
            "path": "/storage",
            "title": "Storage",
            "language": "English",
            "active": True,
            "picture_url": None,
            "groups": ["kids", "news"],
            "superchannel": None,
        }
    ]


@pytest.mark.usefixtures("library")
def test_a_channel_comes_with_its_breadcrumb_and_what_is_below(get: Get) -> None:
    page = body(get("/storage/video"))
    assert page["kind"] == "channel"
    assert page["path"] == "/storage/video"
    assert page["superchannel"] == "storage"
    assert page["superchannels"] == [{"slug": "storage", "title": "Storage", "path": "/storage"}]
    assert [(item["slug"], item["path"]) for item in page["subchannels"]] == [
        ("cartoons", "/storage/video/cartoons"),
        ("movies", "/storage/video/movies"),
        ("reports", "/storage/video/reports"),
    ]
    assert page["subchannels"][0]["picture_url"] == "https://x.example/p.png"
    assert page["next"] is None
    assert "contents" not in page


@pytest.mark.usefixtures("library")
def test_a_channel_of_contents_lists_them(get: Get) -> None:
    page = body(get("/storage/video/movies"))
    assert slugs(page) == ["alien", "brazil"]
    assert "subchannels" not in page
    assert page["contents"][0] == body(get("/storage/video/movies/alien"))


@pytest.mark.usefixtures("library")
def test_a_content_is_read_by_its_path(get: Get) -> None:
    assert body(get("/storage/video/movies/alien")) == {
        "kind": "content",
        "slug": "alien",
        "path": "/storage/video/movies/alien",
        "name": "Alien",
        "metadata": {"year": 1979},
        "file_url": "https://media.example.com/alien.mp4",
        "active": True,
        "rating": 8.5,
        "channel": "movies",
    }


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    "path",
    [
        "/Storage/VIDEO/movies",
        "//storage///video/movies",
        "/storage/video/movies/",
        "/storage/video/movies//",
        "/st%6Frage/video/movies",
        "/storage/video/%6D%6f%76%69%65%73",
    ],
)
def test_other_spellings_of_a_path_are_that_path(get: Get, path: str) -> None:
    assert body(get(path)) == body(get("/storage/video/movies"))


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/video",  # not from the origin
        "/movies/alien",
        "/storage/movies",  # a level left out
        "/video/storage/movies",
        "/nothing/video/movies",
        "/storage/nothing/movies",
        "/storage/video/nothing",
        "/storage/audio/movies",
        "/storage/video/movies/alien/alien",
        "/storage/video/movies/alien/brazil",
        "/alien",
        "/storage/storage/video",  # repeated segments
        "/storage/video/storage/video",
        "/storage/video/hidden",  # inactive, or below what is
        "/storage/video/hidden/below-hidden",
        "/storage/video/movies/cut",
        "/storage%2Fvideo",
        "/storage/vid%00eo",
        "/storage/%ff",
        "/caf%C3%A9",
        "/storage/vidéo",
        "/%2561torage",
        "/st%256Frage",
        "/-",
        "/-/nothing",
        "/storage/.",
        "/storage/video/movies/alien.json",
        "/" + "a" * 251,
        "/storage/" + "a" * 5000,
        "/%",
        "/%zz",
    ],
)
def test_a_wrong_path_is_not_found(get: Get, path: str) -> None:
    problem = body(get(path), 404)
    assert problem["title"] == "Not Found"


def test_a_path_of_any_depth_is_read(get: Get) -> None:
    line = chain(300)
    with Item.batch_write() as batch:  # moto is slow at transactions
        for item in line:
            item.children = 1
            batch.save(item)
    for depth in (1, 2, 99, 100, 101, 200, 201, 299, 300):
        path = "".join(f"/c{number}" for number in range(1, depth + 1))
        page = body(get(path))
        assert page["path"] == path
        assert len(page["superchannels"]) == depth - 1
        wrong = path.replace("/c1/", "/c2/", 1) if depth > 1 else "/c2"
        assert get(wrong).status == 404
    swapped = [f"c{number}" for number in range(1, 301)]
    swapped[149], swapped[150] = swapped[150], swapped[149]
    assert get("/" + "/".join(swapped)).status == 404


@pytest.mark.parametrize("hidden", range(4))
def test_an_inactive_item_in_any_position_hides_itself_and_all_below(get: Get, hidden: int) -> None:
    line = [*chain(3), content("end", "c3")]
    line[hidden].active = False
    put(line)
    targets = ["/c1", "/c1/c2", "/c1/c2/c3", "/c1/c2/c3/end"]
    assert [get(target).status for target in targets] == [200] * hidden + [404] * (4 - hidden)


# ---- pages


def test_pages_have_every_item_once_and_in_order(get: Get) -> None:
    put([channel(f"n{number:02}") for number in range(25)])
    pages = every_page(get, "/?limit=10")
    assert [len(page) for page in pages] == [10, 10, 5]
    assert list(itertools.chain(*pages)) == [f"n{number:02}" for number in range(25)]
    assert [len(page) for page in every_page(get, "/?limit=5")] == [5] * 5
    assert [len(page) for page in every_page(get, "/")] == [20, 5]


def test_pages_lose_and_repeat_nothing_while_items_come_and_go(get: Get) -> None:
    put([channel(f"n{number:02}") for number in range(20)])
    first = body(get("/?limit=10"))
    Channel.get("n09").delete()  # the very item at which the page ended
    Channel.get("n10").delete()
    put([channel("n05a"), channel("n10a")])
    url = urlsplit(first["next"])
    second = body(get(f"{url.path}?{url.query}"))
    assert slugs(second) == ["n10a", *(f"n{number}" for number in range(11, 20))]
    assert second["next"] is None


def test_pages_of_contents_keep_their_channel(get: Get) -> None:
    put([channel("a"), *(content(f"n{number:02}", "a") for number in range(7))])
    assert [len(page) for page in every_page(get, "/a?limit=3")] == [3, 3, 1]


@pytest.mark.usefixtures("library")
def test_a_group_filters_subchannels(get: Get) -> None:
    assert slugs(body(get("/storage/video?group=kids"))) == ["cartoons"]
    assert slugs(body(get("/storage/video?group=KIDS"))) == ["cartoons"]
    assert slugs(body(get("/?group=news"))) == ["storage"]
    assert slugs(body(get("/storage/video?group=nothing"))) == []
    assert slugs(body(get("/storage/video?group="))) == []
    assert slugs(body(get("/storage/video?group=%C3%A9%00"))) == []


@pytest.mark.usefixtures("library")
def test_a_group_does_not_filter_contents(get: Get) -> None:
    assert slugs(body(get("/storage/video/movies?group=kids"))) == ["alien", "brazil"]


def test_a_filtered_page_is_full_and_goes_on(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "FILTERED_READ", 10)
    many = [
        channel(f"n{number:03}", groups={"g"} if number % 6 == 0 else None) for number in range(90)
    ]
    put(many)
    pages = every_page(get, "/?group=g&limit=4")
    assert pages[0] == ["n000", "n006", "n012", "n018"]
    assert list(itertools.chain(*pages)) == [f"n{number:03}" for number in range(0, 90, 6)]


def test_a_filter_that_finds_nothing_for_long_ends_the_page(
    get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "FILTERED_READ", 3)
    put([channel(f"n{number:02}", groups={"g"} if number == 29 else None) for number in range(30)])
    pages = every_page(get, "/?group=g&limit=1")
    assert pages[0] == []
    assert list(itertools.chain(*pages)) == ["n29"]


def test_inactive_items_leave_no_page_short(get: Get) -> None:
    put([channel(f"n{number:02}", active=number % 2 == 0) for number in range(40)])
    assert [len(page) for page in every_page(get, "/?limit=8")] == [8, 8, 4]


def test_large_contents_make_a_page_shorter_than_lambda_can_answer(get: Get) -> None:
    put([channel("a")])
    blob = json.dumps({"text": "я" * 150_000}, ensure_ascii=False)
    put([content(f"n{number}", "a", metadata=blob) for number in range(9)])
    reply = get("/a?limit=100")
    assert len(json.dumps(reply.body.decode())) < 6_000_000
    assert list(itertools.chain(*every_page(get, "/a?limit=100"))) == [f"n{n}" for n in range(9)]


# ---- metadata


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "{}",
        '{"":{"":[[],{},null,true,"",0]}}',
        '{"ключ":"日本語 🎬 \\" \\\\ \\u0000 </script>"}',
        '{"a":12345678901234567890123456789012345678901234567890}',
        '{"a":0.1000000000000000055511151231257827,"b":1E+400,"c":-1E-400,"d":1.10,"e":-0}',
        json.dumps({"deep": json.loads("[" * 200 + "]" * 200)}, separators=(",", ":")),
    ],
)
def test_metadata_comes_back_to_the_letter(get: Get, text: str) -> None:
    put([channel("a"), content("b", "a", metadata=None if text == "null" else text)])
    assert f'"metadata":{text},'.encode() in get("/a/b").body
    assert f'"metadata":{text},'.encode() in get("/a").body


# ---- groups


def test_groups_are_listed_and_read(get: Get) -> None:
    for number in range(5):
        Group(f"g{number}", title=f"Group {number}", active=number != 3).save()
    page = body(get("/-/groups?limit=3"))
    assert [group["slug"] for group in page["groups"]] == ["g0", "g1", "g2"]
    url = urlsplit(page["next"])
    rest = body(get(f"{url.path}?{url.query}"))
    assert [group["slug"] for group in rest["groups"]] == ["g4"]
    assert rest["next"] is None
    assert body(get("/-/groups/g4")) == {
        "kind": "group",
        "slug": "g4",
        "path": "/-/groups/g4",
        "title": "Group 4",
        "active": True,
        "picture_url": None,
    }
    assert get("/-/groups/g3").status == 404  # inactive
    assert get("/-/groups/nothing").status == 404


def test_a_groups_slug_is_read_as_a_path_is(get: Get) -> None:
    Group("rated-g", title="Rated G").save()
    for spelling in ("rated-g", "Rated-G", "%72ated-g"):
        assert body(get(f"/-/groups/{spelling}"))["slug"] == "rated-g"
    for wrong in ("%2572ated-g", "rated%2Dg%2F", "a" * 3000, "%00", "%ff", "-"):
        body(get(f"/-/groups/{wrong}"), 404)


def test_a_path_longer_than_any_answer_is_refused(get: Get) -> None:
    longest = [f"c{number}" for number in range(1000)]
    assert get("/" + "/".join(longest)).status == 404
    refused = body(get("/" + "/".join([*longest, "one-more"])), 400)
    assert "1,001" in refused["detail"]


def test_health_reads_the_catalogue(get: Get) -> None:
    assert body(get("/-/health")) == {"status": "ok"}


def test_a_content_is_never_a_channel(aws: None) -> None:
    put([channel("a"), content("b", "a")])
    assert isinstance(Item.get("b"), Content)
    assert isinstance(Item.get("a"), Channel)
