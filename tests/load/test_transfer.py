"""Loading and dumping on DynamoDB's own engine: whole, once, and whatever happens in between."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import simplejson
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mypy_boto3_dynamodb import DynamoDBClient
from pynamodb.exceptions import TransactWriteError

from chalicelib import batches, transfer, tree
from chalicelib.dumps import WrongRows
from chalicelib.errors import Conflict
from chalicelib.models import Channel, Content, Group, Item, connection
from chalicelib.schemas import MAX_METADATA
from chalicelib.transactions import Busy
from tests.hooks import hooked
from tests.invariants import scan, violations
from tests.tables import create_tables

SAMPLE = (Path(__file__).parent.parent.parent / "sample" / "movies_catalogue.json").read_bytes()

URL = "https://example.com/a"

Row = dict[str, Any]
Hook = Callable[..., AWSResponse | None]


def group(pk: int, title: str, **fields: Any) -> Row:
    return {"model": "contents.group", "pk": pk, "fields": {"title": title} | fields}


def channel(pk: int, title: str, superchannel: int | None = None, **fields: Any) -> Row:
    given = {"title": title, "language": "English", "superchannel": superchannel}
    return {"model": "contents.channel", "pk": pk, "fields": given | fields}


def content(pk: int, name: str, channel: int, **fields: Any) -> Row:
    given = {"name": name, "channel": channel, "file_url": f"https://example.com/{pk}"}
    return {"model": "contents.content", "pk": pk, "fields": given | fields}


SMALL = [
    content(1, "Up", 4, rating="8.3", metadata={"minutes": 96}),
    channel(1, "Video", groups=[1]),
    channel(2, "Audio"),
    channel(3, "Films", 1, groups=[1, 2]),
    channel(4, "Pixar", 3, groups=[2]),
    channel(5, "Empty", 3, active=False),
    *(content(pk, f"Film {pk}", 4, rating=f"{pk}.5") for pk in range(2, 7)),
    content(7, "Song", 2, rating="0"),
    content(8, "Song", 2, active=False),
    group(1, "Family"),
    group(2, "Animation"),
]


def key_of(row: Row) -> tuple[str, int]:
    return row["model"], row["pk"]


SLUGS = {key_of(row): f"{row['model'][9:]}-{row['pk']}" for row in SMALL}

Tables = tuple[list[Any], list[Any]]


def tables(client: DynamoDBClient) -> Tables:
    """Everything in the catalogue and in the groups, but what tells how it came there."""

    def canonical(table: str) -> list[Any]:
        items = scan(client, table)
        for item in items:
            item.pop("born", None)
            item.pop("revision", None)
            for value in item.values():
                if "SS" in value:
                    value["SS"] = sorted(value["SS"])
                if "N" in value:
                    value["N"] = Decimal(value["N"])
        return items

    return canonical("catalogue"), canonical("groups")


EMPTY: Tables = ([], [])


def load(rows: list[Row] | str | bytes, done: Callable[[int], object] = bool) -> transfer.Plan:
    text = rows if isinstance(rows, str | bytes) else json.dumps(rows)
    plan = transfer.plan(text)
    transfer.carry_out(plan, done)
    return plan


def dump() -> str:
    count, rows = transfer.dump()
    lines = list(rows)
    assert count == len(lines)
    return "[\n" + ",\n".join(lines) + "\n]\n"


@pytest.fixture
def small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small dump takes several transactions."""
    monkeypatch.setattr(batches, "MAX_ITEMS", 4)


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What is waited between attempts, in seconds, without waiting."""
    waits: list[float] = []
    monkeypatch.setattr(tree.add.retry, "sleep", waits.append)  # type: ignore[attr-defined]
    return waits


@pytest.fixture
def whole(client: DynamoDBClient) -> Tables:
    """What the tables hold after SMALL was loaded in one go; they are empty again."""
    load(SMALL)
    found = tables(client)
    create_tables(client)
    return found


# ---- loading


def test_the_sample_is_loaded_whole_and_once_and_dumped_with_all_that_it_said(
    client: DynamoDBClient,
) -> None:
    steps: list[int] = []
    plan = load(SAMPLE, steps.append)
    assert sum(steps) == len(plan.groups) + len(plan.items) == 3291
    assert (plan.present, plan.skipped) == (0, {})
    assert violations(client) == []
    loaded = tables(client)
    assert Counter(item["kind"]["S"] for item in loaded[0]) == {"content": 3200, "channel": 84}
    assert len(loaded[1]) == 7

    again = load(SAMPLE, lambda rows: pytest.fail("something was written"))
    assert (again.groups, again.items, again.present) == ([], [], 3291)
    assert tables(client) == loaded

    first = dump()
    assert meaning(first) == meaning(SAMPLE)
    create_tables(client)
    load(first)
    assert dump() == first
    assert tables(client) == loaded


def meaning(text: str | bytes) -> list[Row]:
    """The rows of a dump in which everything has a slug, with slugs for keys."""
    rows = simplejson.loads(text, use_decimal=True)
    slugs = {(row["model"], row["pk"]): row["fields"]["slug"] for row in rows}
    for row in rows:
        fields = row["fields"]
        if row["model"] == "contents.channel":
            fields["groups"] = sorted(slugs["contents.group", pk] for pk in fields["groups"])
            fields["superchannel"] = slugs.get(("contents.channel", fields["superchannel"]))
        if row["model"] == "contents.content":
            fields["channel"] = slugs["contents.channel", fields["channel"]]
        del row["pk"]
    return sorted(rows, key=lambda row: (row["model"], row["fields"]["slug"]))


def test_a_small_dump_keeps_the_invariants_in_however_many_transactions(
    client: DynamoDBClient, whole: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in range(1, 15):
        monkeypatch.setattr(batches, "MAX_ITEMS", size)
        load(SMALL, lambda rows: violations(client) == [] or pytest.fail("broken in between"))
        assert tables(client) == whole
        create_tables(client)


def test_groups_are_added_all_the_way_up(client: DynamoDBClient) -> None:
    plan = load(SMALL)
    assert "contents.channel pk 1: video is in animation too, as a channel below it is" in (
        plan.changes
    )
    assert Channel.get("video").groups == {"family", "animation"}


def test_ratings_keep_their_digits(client: DynamoDBClient) -> None:
    rows = [content(n + 1, f"c{n}", 1, rating=f"{n / 10:.1f}") for n in range(101)]
    load([channel(1, "All"), *rows])
    assert [Content.get(f"c{n}").rating for n in range(101)] == [
        Decimal(n) / 10 for n in range(101)
    ]
    top = Channel.get("all")
    assert (top.rating_sum, top.rating_count) == (Decimal("505.0"), 101)
    assert violations(client) == []


def test_a_row_that_is_there_and_equal_is_left_out(client: DynamoDBClient) -> None:
    load(SMALL)
    plan = load([*SMALL, channel(6, "New", 3), content(9, "Another", 2)])
    assert sorted(item.slug for item in plan.items) == ["another", "new"]
    assert plan.present == len(SMALL)
    assert violations(client) == []


@pytest.mark.parametrize(
    "changed",
    [
        group(1, "Family", active=False),
        group(1, "family"),
        group(2, "Animation", picture_url="https://example.com/p"),
        channel(2, "Audio", language="French"),
        channel(2, "Audio", active=False),
        channel(5, "Empty", 1, active=False),
        content(7, "Song", 2, rating="0.1"),
        content(1, "Up", 4, rating="8.3", metadata={"minutes": 97}),
        content(1, "Up", 4, rating="8.3"),
        content(1, "UP", 4, rating="8.3", metadata={"minutes": 96}),
    ],
)
def test_a_row_that_is_there_and_different_is_refused(client: DynamoDBClient, changed: Row) -> None:
    slugged = [row | {"fields": {"slug": SLUGS[key_of(row)]} | row["fields"]} for row in SMALL]
    load(slugged)
    before = tables(client)
    key = key_of(changed)
    now = changed | {"fields": {"slug": SLUGS[key]} | changed["fields"]}
    rows = [now if key_of(row) == key else row for row in slugged]
    with pytest.raises(WrongRows) as caught:
        load([*rows, content(99, "New", 2)])
    assert [(row.model, row.pk, row.field) for row in caught.value.rows] == [(*key, "slug")]
    assert tables(client) == before


def test_a_picked_slug_that_is_taken_in_the_catalogue_is_picked_again(
    client: DynamoDBClient,
) -> None:
    load([channel(1, "Top"), content(1, "Up", 1), content(2, "Up", 1, rating="2")])
    rows = [channel(7, "Other"), content(8, "Up", 7, rating="3")]
    plan = load(rows)
    assert [item.slug for item in plan.items] == ["other", "up-3"]
    assert any("up-3" in change for change in plan.changes)
    assert violations(client) == []
    assert load(rows).items == []


def test_a_row_whose_slug_was_picked_and_that_changed_since_is_not_loaded_twice(
    client: DynamoDBClient,
) -> None:
    load([channel(1, "Top"), content(1, "Up", 1)])
    before = tables(client)
    with pytest.raises(WrongRows) as caught:
        load([channel(1, "Top"), content(1, "Up", 1, rating="2")])
    assert [(row.pk, row.field) for row in caught.value.rows] == [(1, "slug")]
    assert tables(client) == before


def test_a_channel_that_holds_the_other_kind_is_told_of_before_anything_is_written(
    client: DynamoDBClient,
) -> None:
    load([channel(1, "Top"), content(1, "Up", 1)])
    before = tables(client)
    with pytest.raises(WrongRows) as caught:
        load([channel(1, "Top"), channel(2, "New"), channel(3, "Sub", 1)])
    assert [(row.position, row.pk) for row in caught.value.rows] == [(3, 3)]
    assert tables(client) == before


def test_a_slug_that_was_asked_for_and_is_taken_is_refused(client: DynamoDBClient) -> None:
    load([channel(1, "Top", slug="top"), content(1, "Up", 1, slug="up")])
    before = tables(client)
    with pytest.raises(WrongRows):
        load([channel(1, "Top", slug="top"), channel(2, "Up", slug="up")])
    assert tables(client) == before


@pytest.mark.parametrize(
    "wrong",
    [
        channel(9, "", 1),
        channel(9, "Nine", 99),
        channel(9, "Nine", 9),
        channel(9, "Nine", 2),
        channel(1, "Again"),
        content(9, "Nine", 3),
        content(9, "Nine", 4, rating="10.1"),
        content(9, "!!!", 4),
        {"model": "contents.content"},
    ],
)
def test_nothing_is_written_of_a_dump_with_a_wrong_row(client: DynamoDBClient, wrong: Row) -> None:
    with pytest.raises(WrongRows):
        load([*SMALL, wrong])
    assert tables(client) == EMPTY


def test_what_is_there_is_read_consistently_before_a_load(client: DynamoDBClient) -> None:
    reads: list[bool] = []

    def note(request: AWSPreparedRequest, **kwargs: object) -> None:
        assert isinstance(request.body, bytes)
        body = json.loads(request.body)
        of_tables = body.get("RequestItems", {"groups": body}).values()
        reads.extend(read.get("ConsistentRead", False) for read in of_tables)

    load(SMALL)
    with hooked("before-send.dynamodb.*", note):
        load(SMALL)
    assert reads == [True, True]


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("lost", [{"superchannel": "gone"}, {"groups": {"gone"}}])
def test_a_catalogue_that_points_to_what_is_not_there_is_not_dumped(lost: dict[str, Any]) -> None:
    given = {"title": "Lost", "language": "English", "superchannel": "/"} | lost
    Channel("lost", **given).save()
    with pytest.raises(Conflict, match=r"lost.*gone"):
        transfer.dump()


# ---- cut off


class Killed(BaseException):
    """The process ended here."""


@pytest.mark.usefixtures("small_transactions")
def test_a_load_cut_off_after_any_step_is_finished_by_the_next(
    client: DynamoDBClient, whole: Tables
) -> None:
    steps: list[int] = []
    load(SMALL, steps.append)
    assert len(steps) > 5
    for cut in range(1, len(steps)):
        create_tables(client)
        with pytest.raises(Killed):
            load(SMALL, _dies_after(cut))
        assert violations(client) == []
        assert tables(client) != whole
        load(SMALL)
        assert tables(client) == whole


def _dies_after(calls: int) -> Callable[..., None]:
    left = count(calls - 1, -1)

    def die(*args: object, **kwargs: object) -> None:
        if next(left) == 0:
            raise Killed

    return die


@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("event", ["before-send.dynamodb.*", "response-received.dynamodb.*"])
def test_a_load_killed_at_any_call_is_finished_by_the_next(
    client: DynamoDBClient, whole: Tables, event: str
) -> None:
    for call in count(1):
        create_tables(client)
        with hooked(event, _dies_after(call)):
            try:
                load(SMALL)
            except Killed:
                pass
            else:
                break
        assert violations(client) == []
        load(SMALL)
        assert tables(client) == whole
    assert call > 9  # a read of each table, two groups, and transactions


def test_an_answer_that_is_lost_does_not_count_twice(client: DynamoDBClient) -> None:
    sent = []

    def lose(request: AWSPreparedRequest, **kwargs: object) -> None:
        sent.append(request)
        if len(sent) == 1:
            assert URLLib3Session().send(request).status_code == 200
            raise ConnectionClosedError(endpoint_url=request.url)

    with hooked("before-send.dynamodb.TransactWriteItems", lose):
        load(SMALL)
    assert len(sent) == 2
    assert violations(client) == []


# ---- side by side


@pytest.mark.usefixtures("small_transactions")
def test_two_loads_of_one_dump_side_by_side_both_finish(
    client: DynamoDBClient, whole: Tables
) -> None:
    connection()
    barrier = threading.Barrier(2, timeout=30)

    def both(_: int) -> int:
        plan = transfer.plan(json.dumps(SMALL))
        barrier.wait()
        written: list[int] = []
        transfer.carry_out(plan, written.append)
        return sum(written)

    for _ in range(5):
        create_tables(client)
        with ThreadPoolExecutor(2) as pool:
            assert len(list(pool.map(both, range(2)))) == 2
        assert violations(client) == []
        assert tables(client) == whole


def test_a_load_with_other_transactions_than_the_one_before_finishes_it(
    client: DynamoDBClient, whole: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = transfer.plan(json.dumps(SMALL))
    monkeypatch.setattr(batches, "MAX_ITEMS", 5)
    with pytest.raises(Killed):
        load(SMALL, _dies_after(4))
    monkeypatch.setattr(batches, "MAX_ITEMS", 3)
    transfer.carry_out(late, bool)
    assert tables(client) == whole


@pytest.mark.parametrize(
    "other",
    [
        channel(1, "Another", slug="video"),
        channel(1, "Another", slug="pixar"),
        channel(1, "Another", slug="song"),
    ],
)
def test_a_load_whose_slug_is_taken_meanwhile_says_so_and_leaves_nothing_half(
    client: DynamoDBClient, other: Row
) -> None:
    plan = transfer.plan(
        json.dumps([row for row in SMALL if row["model"] != "contents.group"] if False else SMALL)
    )
    load([other])
    taken = other["fields"]["slug"]
    with pytest.raises(Conflict, match=f"{taken} is taken"):
        transfer.carry_out(plan, bool)
    assert violations(client) == []
    items, _ = tables(client)
    assert [item["slug"]["S"] for item in items] == [taken]


def test_a_group_that_is_another_meanwhile_is_a_conflict(client: DynamoDBClient) -> None:
    plan = transfer.plan(json.dumps(SMALL))
    Group("family", title="Another").save()
    with pytest.raises(Conflict, match="family"):
        transfer.carry_out(plan, bool)
    assert Group.get("family").title == "Another"
    assert tables(client)[0] == []


def test_a_channel_that_holds_the_other_kind_meanwhile_is_a_conflict(
    client: DynamoDBClient,
) -> None:
    load([channel(1, "Top")])
    subchannel = transfer.plan(json.dumps([channel(1, "Top"), channel(2, "Sub", 1)]))
    film = transfer.plan(json.dumps([channel(1, "Top"), content(1, "Film", 1)]))
    transfer.carry_out(film, bool)
    before = tables(client)
    with pytest.raises(Conflict, match="top"):
        transfer.carry_out(subchannel, bool)
    assert tables(client) == before
    assert violations(client) == []


def test_both_kinds_at_once_are_kept_out(client: DynamoDBClient) -> None:
    load([channel(1, "Top")])
    before = tables(client)
    with pytest.raises(Conflict, match="top"):
        tree.add(
            [
                Channel("sub", title="Sub", language="English", superchannel="top"),
                Content("c", name="C", file_url=URL, rating=Decimal(1), channel="top"),
            ]
        )
    assert tables(client) == before


def test_subchannels_keep_contents_out(client: DynamoDBClient) -> None:
    load([channel(1, "Top"), channel(2, "Sub", 1)])
    with pytest.raises(Conflict, match="top"):
        tree.add([Content("c", name="C", file_url=URL, rating=Decimal(1), channel="top")])
    assert violations(client) == []


def test_a_channel_goes_only_below_one_that_is_in_its_groups(client: DynamoDBClient) -> None:
    load([group(1, "A"), group(2, "B"), channel(1, "Top", groups=[1])])

    def sub(slug: str, *groups: str) -> Channel:
        return Channel(
            slug, title=slug, language="English", superchannel="top", groups=set(groups) or None
        )

    with pytest.raises(Conflict, match="top"):
        tree.add([sub("both", "a", "b")])
    tree.add([sub("one", "a"), sub("none")])
    assert violations(client) == []
    assert {item.slug for item in Item.scan()} == {"top", "one", "none"}


def test_nothing_goes_below_a_channel_that_is_not_there_or_a_content(
    client: DynamoDBClient,
) -> None:
    load([channel(1, "Top"), content(1, "Film", 1)])
    before = tables(client)
    for above in ("gone", "film"):
        with pytest.raises(Conflict, match=above):
            tree.add([Channel("sub", title="Sub", language="English", superchannel=above)])
        with pytest.raises(Conflict, match=above):
            tree.add([Content("c", name="C", file_url=URL, rating=Decimal(1), channel=above)])
    assert tables(client) == before


# ---- transactions that are cancelled for a while


class Body:
    """The body of an answer, as urllib3 would give it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def stream(self, **kwargs: object) -> Iterator[bytes]:
        yield self.text.encode()


def cancels(times: int, code: str, calls: list[int]) -> Hook:
    """Has the first `times` transactions cancelled because of `code`, which is one item's."""

    def answer(request: AWSPreparedRequest, **kwargs: object) -> AWSResponse | None:
        calls.append(len(calls))
        if len(calls) > times:
            return None
        assert isinstance(request.body, bytes)
        items = len(json.loads(request.body)["TransactItems"])
        reasons = [{"Code": "None"}] * (items - 1) + [{"Code": code, "Message": "Later."}]
        body = {
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled, please refer cancellation reasons",
            "CancellationReasons": reasons,
        }
        headers = HTTPHeaders.from_dict({"content-type": "application/x-amz-json-1.0"})
        return AWSResponse(request.url, 400, headers, Body(json.dumps(body)))

    return answer


PASSING = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]


@pytest.mark.parametrize("code", PASSING)
def test_a_transaction_in_conflict_is_tried_again(
    client: DynamoDBClient, no_waits: list[float], whole: Tables, code: str
) -> None:
    calls: list[int] = []
    with hooked("before-send.dynamodb.TransactWriteItems", cancels(5, code, calls)):
        load(SMALL)
    assert len(calls) == 6
    assert len(no_waits) == 5
    assert all(0 <= wait <= 2 for wait in no_waits)
    assert tables(client) == whole


@pytest.mark.parametrize("code", PASSING)
def test_a_transaction_in_endless_conflict_ends_in_busy(
    client: DynamoDBClient, no_waits: list[float], code: str
) -> None:
    calls: list[int] = []
    hook = cancels(1000, code, calls)
    with (
        hooked("before-send.dynamodb.TransactWriteItems", hook),
        pytest.raises(Busy) as caught,
    ):
        load(SMALL)
    assert caught.value.retry_after
    assert len(calls) == 100
    assert tables(client)[0] == []


def test_a_transaction_that_is_cancelled_for_good_is_not_tried_again(
    client: DynamoDBClient, no_waits: list[float]
) -> None:
    calls: list[int] = []
    hook = cancels(1000, "ValidationError", calls)
    with (
        hooked("before-send.dynamodb.TransactWriteItems", hook),
        pytest.raises(TransactWriteError),
    ):
        load(SMALL)
    assert len(calls) == 1


# ---- sizes


def transactions(sizes: list[tuple[int, int]]) -> Hook:
    """Notes how many items each transaction has, and their bytes with all that is around them."""

    def note(request: AWSPreparedRequest, **kwargs: object) -> None:
        assert isinstance(request.body, bytes)
        sizes.append((len(json.loads(request.body)["TransactItems"]), len(request.body)))

    return note


def test_transactions_are_full_and_not_too_full(client: DynamoDBClient) -> None:
    rows = [channel(pk, f"Channel {pk}", slug=f"channel-{pk}") for pk in range(1, 151)]
    rows += [content(pk, f"c{pk}", pk % 150 + 1) for pk in range(1, 301)]
    sizes: list[tuple[int, int]] = []
    with hooked("before-send.dynamodb.TransactWriteItems", transactions(sizes)):
        load(rows)
    items = [number for number, _ in sizes]
    assert max(items) == 100
    assert min(items[:-1]) >= 98
    assert violations(client) == []


def test_large_contents_share_transactions_as_far_as_they_fit(client: DynamoDBClient) -> None:
    many = 48  # more than a BatchGetItem answers at once
    text = "é" * 175_000
    films = [content(pk, f"c{pk}", 1, metadata={"text": text}) for pk in range(1, many + 1)]
    sizes: list[tuple[int, int]] = []
    with hooked("before-send.dynamodb.TransactWriteItems", transactions(sizes)):
        load([channel(1, "Top"), *films])
    assert max(items for items, _ in sizes) >= 9
    assert len(sizes) <= 6
    assert violations(client) == []
    again = load([channel(1, "Top"), *films])
    assert (again.items, again.present) == ([], many + 1)


def test_the_largest_content_fits(client: DynamoDBClient) -> None:
    wide = "\U0001f3ac"
    url = "https://example.com/" + wide * 230
    top = channel(1, wide * 250, slug="t" * 250, language=wide * 250)
    metadata = {"a": "x" * (MAX_METADATA - len('{"a":""}'))}
    film = content(1, wide * 250, 1, slug="c" * 250, file_url=url, metadata=metadata)
    load([top, film])
    assert violations(client) == []
    found = Content.get("c" * 250)
    assert found.metadata is not None
    assert len(found.metadata) == MAX_METADATA


@pytest.mark.usefixtures("small_transactions")
def test_a_channel_in_as_many_groups_as_may_be_has_subchannels(
    client: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_ITEMS", 1)
    groups = [group(pk, f"G{pk}", slug=f"g{pk}-".ljust(250, "x")) for pk in range(1, 91)]
    every = list(range(1, 91))
    load([*groups, channel(1, "Top", groups=every), channel(2, "Sub", 1, groups=every)])
    assert violations(client) == []
    assert len(Channel.get("sub").groups or ()) == 90


def test_a_deep_chain_is_loaded_and_dumped(client: DynamoDBClient) -> None:
    deep = 300
    chain = [channel(pk, f"c{pk}", pk - 1 or None) for pk in range(1, deep + 1)]
    load([content(1, "Film", deep), *reversed(chain)])
    assert violations(client) == []
    first = dump()
    create_tables(client)
    load(first)
    assert dump() == first


# ---- any small catalogue

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below),
    max_leaves=6,
)
METADATA = st.none() | st.dictionaries(st.text(max_size=8), VALUES, max_size=4)
PICTURE = st.sampled_from([None, "https://example.com/p", "http://localhost/東京"])


@st.composite
def catalogues(draw: st.DrawFn) -> str:
    """A dump of which everything has a slug, and every channel its subchannels' groups."""
    rows: list[Row] = []

    def fields(slug: str, **more: Any) -> dict[str, Any]:
        return {"slug": slug, "active": draw(st.booleans())} | more

    groups = draw(st.integers(0, 3))
    rows += [
        group(pk, draw(TEXT), **fields(f"g{9 - pk}"), picture_url=draw(PICTURE))
        for pk in range(1, groups + 1)
    ]
    above: list[int | None] = []
    members: list[set[int]] = []
    for pk in range(1, draw(st.integers(1, 6)) + 1):
        superchannel = draw(st.integers(0, pk - 1)) or None
        allowed = members[superchannel - 1] if superchannel else set(range(1, groups + 1))
        members.append({member for member in allowed if draw(st.booleans())})
        above.append(superchannel)
        more = fields(
            draw(st.sampled_from(["a", "b-", "_c"])) + str(pk),
            groups=sorted(members[-1]),
            language=draw(TEXT),
            picture_url=draw(PICTURE),
        )
        rows.append(channel(pk, draw(TEXT), superchannel, **more))
    leaves = [pk for pk in range(1, len(above) + 1) if pk not in above]
    for pk in range(1, draw(st.integers(0, 6)) + 1):
        more = fields(f"{draw(st.sampled_from(['x', '0-', '_']))}{pk}f", metadata=draw(METADATA))
        tenths = draw(st.integers(0, 100))
        more["rating"] = f"{tenths / 10:.1f}"
        rows.append(content(pk, draw(TEXT), draw(st.sampled_from(leaves)), **more))
    text: str = simplejson.dumps(draw(st.permutations(rows)))
    return text


@given(text=catalogues())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_catalogue_is_dumped_with_all_that_it_said_and_loaded_to_the_same_bytes(
    client: DynamoDBClient, text: str
) -> None:
    create_tables(client)
    load(text)
    assert violations(client) == []
    first = dump()
    assert meaning(first) == meaning(text)
    create_tables(client)
    load(first)
    assert dump() == first
