"""What a write costs over HTTP: requests to DynamoDB, and items of its transaction, counted."""

import threading
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from chalicelib.models import Group, Item
from tests.build import channel, content, put
from tests.functional.conftest import Get, body
from tests.functional.editing import Sent, a_channel, a_content, broken, traffic

pytestmark = pytest.mark.usefixtures("aws")

MOVIES = "/storage/video/movies"
EPOCH = "Update shape of the tree"
READ_WRITE = ["BatchGetItem", "TransactWriteItems"]


@pytest.fixture(autouse=True)
def library(aws: None) -> None:
    for slug in ("kids", "news"):
        Group(slug, title=slug).save()
    put(
        [
            channel("storage", groups={"kids"}),
            channel("video", "storage", groups={"kids"}),
            channel("movies", "video"),
            content("alien", "movies", "8.5"),
            channel("shows", "video"),
            channel("archive"),
            channel("deep", "archive"),
            channel("deeper", "deep"),
        ]
    )


def operations(sent: list[Sent]) -> list[str]:
    return [request.operation for request in sent]


def written(sent: list[Sent]) -> list[str]:
    """What the only transaction has items for."""
    (transaction,) = (request for request in sent if request.written)
    return transaction.written


# ---- creating


@pytest.mark.parametrize(
    ("target", "new", "items"),
    [
        ("/", a_channel("New"), ["Put new"]),
        ("/storage/video/shows", a_channel("New"), ["Put new", "Update shows"]),
        (MOVIES, a_content("New"), ["Put new", "Update movies"]),
        ("/storage/video", a_channel("New", groups=["kids"]), ["Put new", "Update video"]),
    ],
)
def test_a_create_is_a_read_and_a_transaction(
    edit: Get, target: str, new: object, items: list[str]
) -> None:
    with traffic() as sent:
        body(edit(target, "POST", new), 201)
    assert operations(sent) == READ_WRITE
    assert written(sent) == items


def test_a_create_with_a_key_also_reads_and_writes_what_is_remembered_of_it(edit: Get) -> None:
    create = partial(edit, MOVIES, "POST", a_content("New"), Idempotency_Key="k")
    with traffic() as sent:
        body(create(), 201)
    assert sorted(operations(sent)) == ["BatchGetItem", "GetItem", "TransactWriteItems"]
    assert written(sent) == ["Put id-of-editors k", "Put new", "Update movies"]
    with traffic() as sent:
        body(create(), 201)
    assert sorted(operations(sent)) == ["BatchGetItem", "GetItem"]


def test_what_was_remembered_is_read_while_the_path_is(edit: Get) -> None:
    # Neither is sent before the other is about to be: one after the other would break the barrier.
    together = threading.Barrier(2)

    def wait(sent: Sent) -> None:
        if sent.operation != "TransactWriteItems":
            together.wait(timeout=10)

    with traffic(wait):
        body(edit(MOVIES, "POST", a_content("New"), Idempotency_Key="k"), 201)


def test_groups_that_are_new_to_the_path_are_added_in_the_same_transaction(edit: Get) -> None:
    with traffic() as sent:
        new = a_channel("New", groups=["kids", "news"])
        body(edit("/storage/video/shows", "POST", new), 201)
    assert operations(sent) == READ_WRITE
    assert written(sent) == [
        "Put new", "Update news", "Update shows", "Update storage", "Update video",
    ]  # fmt: skip
    with traffic() as sent:
        body(edit("/", "POST", a_channel("More", groups=["kids", "news"])), 201)
    assert operations(sent) == READ_WRITE
    assert written(sent) == ["Put more", "Update kids", "Update news"]
    with traffic() as sent:  # it is looked at what was wrong with the groups, only then
        body(edit("/storage/video", "POST", a_channel("Less", groups=["kids", "none"])), 400)
    assert operations(sent) == [*READ_WRITE, "BatchGetItem"]


# ---- changing and deleting


@pytest.mark.parametrize(
    ("target", "sent_body", "items"),
    [
        (f"{MOVIES}/alien", {"rating": 3}, ["Update alien", "Update movies"]),
        (f"{MOVIES}/alien", {"name": "New", "metadata": {"a": 1}}, ["Update alien"]),
        (MOVIES, {"title": "New", "active": False}, ["Update movies"]),
        (MOVIES, {"groups": ["kids"]}, ["Update movies", "Update video"]),
    ],
)
def test_a_change_is_a_read_and_a_transaction(
    edit: Get, target: str, sent_body: object, items: list[str]
) -> None:
    with traffic() as sent:
        body(edit(target, "PATCH", sent_body))
    assert operations(sent) == READ_WRITE
    assert written(sent) == items


@pytest.mark.parametrize(
    ("path", "items"),
    [
        (f"{MOVIES}/alien", ["Delete alien", "Update movies"]),
        ("/storage/video/shows", ["Delete shows", "Update video"]),
    ],
)
def test_a_deletion_of_what_has_nothing_below_is_a_read_and_a_transaction(
    edit: Get, path: str, items: list[str]
) -> None:
    with traffic() as sent:
        assert edit(path, "DELETE").status == 204
    assert operations(sent) == READ_WRITE
    assert written(sent) == items


def test_a_channel_of_contents_is_deleted_90_contents_at_a_time(edit: Get) -> None:
    with traffic() as sent:
        assert edit(f"{MOVIES}?below=delete", "DELETE").status == 204
    assert [request.written for request in sent if request.written] == [
        ["Update movies", EPOCH],
        ["Delete alien", "Update movies"],
        ["Delete movies", "Update video"],
    ]
    step = ["BatchGetItem", "Query", "BatchGetItem", "TransactWriteItems"]
    assert operations(sent) == ["GetItem", *READ_WRITE, *step, *READ_WRITE]


def test_what_is_refused_for_what_there_is_costs_a_read(edit: Get) -> None:
    sent_body: object
    for method, target, sent_body, status in (
        ("POST", MOVIES, a_channel("New"), 409),
        ("POST", MOVIES, a_content("New", slug="shows"), 409),
        ("POST", "/nothing", a_channel("New"), 404),
        ("PATCH", MOVIES, {"title": "New"}, 412),
        ("DELETE", MOVIES, b"", 412),
        ("DELETE", "/nothing", b"", 404),
    ):
        with traffic() as sent:
            headers = {"If_Match": '"x"'} if status == 412 else {}
            body(edit(target, method, sent_body, **headers), status)
        assert operations(sent) == ["BatchGetItem"]


def test_what_is_refused_for_itself_costs_nothing(edit: Get) -> None:
    sent_body: object
    for method, target, sent_body in (
        ("POST", "/", a_channel("New", colour="red")),
        ("POST", "/", b"{"),
        ("PATCH", "/", b""),
        ("PATCH", MOVIES, b"[]"),
        ("DELETE", f"{MOVIES}?below=x", b""),
    ):
        with traffic() as sent:
            assert edit(target, method, sent_body).status in (400, 405)
        assert sent == []


# ---- moving


@pytest.mark.parametrize(
    ("to", "above", "items"),
    [
        (None, 0, ["Update movies", EPOCH, "Update video"]),
        ("archive", 0, ["Update archive", "Update movies", EPOCH, "Update video"]),
        ("deep", 1, ["Update deep", "Update movies", EPOCH, "Update video"]),
        ("deeper", 2, ["Update deeper", "Update movies", EPOCH, "Update video"]),
    ],
)
def test_a_move_is_four_requests_and_one_for_each_level_above_where_it_goes(
    edit: Get, to: str | None, above: int, items: list[str]
) -> None:
    with traffic() as sent:
        body(edit(MOVIES, "PATCH", {"superchannel": to}))
    levels = ["BatchGetItem"] * above
    assert operations(sent) == [
        "BatchGetItem", "GetItem", "BatchGetItem", *levels, "TransactWriteItems",
    ]  # fmt: skip
    assert written(sent) == items


def test_a_content_moves_without_the_epoch_for_nothing_is_below_it(edit: Get) -> None:
    with traffic() as sent:
        body(edit(f"{MOVIES}/alien", "PATCH", {"channel": "shows", "rating": 3}))
    assert written(sent) == ["Update alien", "Update movies", "Update shows"]


def test_a_write_costs_the_same_however_much_is_below_or_beside_it(edit: Get) -> None:
    def costs(mark: str, number: int) -> list[tuple[str, list[str], list[str]]]:
        fill(mark, number)
        found = []
        for method, path, new in (
            ("PATCH", f"{mark}many", {"title": "New"}),
            ("PATCH", f"{mark}many", {"superchannel": f"{mark}archive"}),
            ("PATCH", f"{mark}archive/{mark}many", {"superchannel": None}),
            ("POST", f"{mark}many", a_channel("New", slug=f"{mark}channel")),
            ("PATCH", f"{mark}many/{mark}n1", {"title": "New"}),
            ("PATCH", f"{mark}many/{mark}n1", {"superchannel": f"{mark}archive"}),
            ("DELETE", f"{mark}many/{mark}n2", b""),
            ("PATCH", f"{mark}audio", {"superchannel": f"{mark}archive"}),
            ("PATCH", f"{mark}archive/{mark}audio", {"superchannel": None}),
            ("POST", f"{mark}audio", a_content("New", slug=f"{mark}content")),
            ("PATCH", f"{mark}audio/{mark}c1", {"rating": 2}),
            ("PATCH", f"{mark}audio/{mark}c1", {"channel": f"{mark}other"}),
            ("DELETE", f"{mark}audio/{mark}c2", b""),
        ):
            with traffic() as sent:
                assert edit(f"/{path}", method, new).status in (200, 201, 204), path
            items = sorted(item.replace(mark, "") for item in written(sent))
            found.append((f"{method} {path.replace(mark, '')}", operations(sent), items))
        return found

    assert costs("few-", 2) == costs("so-many-", 60)
    assert broken() == []


def fill(mark: str, number: int) -> None:
    """Puts in `many` with so many subchannels, `audio` with so many contents, and where to move."""
    rated: dict[str, Any] = {
        "children": number,
        "rating_count": number,
        "rating_sum": Decimal(5 * number),
    }
    with Item.batch_write() as batch:  # moto is slow at transactions
        for item in (
            channel(f"{mark}many", children=number),
            channel(f"{mark}audio", **rated),
            channel(f"{mark}archive"),
            channel(f"{mark}other"),
        ):
            batch.save(item)
        for n in range(1, number + 1):
            batch.save(channel(f"{mark}n{n}", f"{mark}many"))
            batch.save(content(f"{mark}c{n}", f"{mark}audio"))
