"""Dumps read and checked: everything wrong is named, at once; what is right is kept exactly."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import simplejson

from chalicelib import dumps
from chalicelib.dumps import Dump, WrongRow, WrongRows, read
from chalicelib.errors import Invalid
from chalicelib.paths import is_slug
from chalicelib.slugs import alternatives

GROUP, CHANNEL, CONTENT = "contents.group", "contents.channel", "contents.content"
DEEP = 10_000
URL = "https://example.com/a"

Row = dict[str, Any]


def group(pk: Any, title: Any = "Group", **fields: Any) -> Row:
    return {"model": GROUP, "pk": pk, "fields": {"title": title} | fields}


def channel(pk: Any, superchannel: Any = None, title: Any = "Channel", **fields: Any) -> Row:
    given = {"title": title, "language": "English", "superchannel": superchannel}
    return {"model": CHANNEL, "pk": pk, "fields": given | fields}


def content(pk: Any, channel: Any = 1, name: Any = "Content", **fields: Any) -> Row:
    given = {"name": name, "channel": channel, "file_url": URL}
    return {"model": CONTENT, "pk": pk, "fields": given | fields}


def good(*rows: Any) -> Dump:
    return read(json.dumps(rows))


def wrong(*rows: Any) -> list[WrongRow]:
    """What is wrong with a dump of `rows`; each has a reason, and they are in order."""
    with pytest.raises(WrongRows) as caught:
        good(*rows)
    found = caught.value.rows
    assert all(row.reason for row in found)
    assert [row.position for row in found] == sorted(row.position for row in found)
    assert str(len(found)) in caught.value.detail
    return found


def named(*rows: Any) -> list[tuple[int, Any, str]]:
    """The position, pk and field of everything that is wrong."""
    return [(row.position, row.pk, row.field) for row in wrong(*rows)]


def with_metadata(metadata: str) -> str:
    """A dump with a content that has this JSON text for metadata."""
    rows = json.dumps([channel(1), content(1, metadata="HERE")])
    return rows.replace('"HERE"', metadata)


# ---- no dump at all


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "[", "{", "[{]", "[1,]", "[1 2]", "nul", "[] []", "[NaN]", "[Infinity]"),
        *("{}", "null", "1", '"[]"', "true", b"\xff[]", b"[\x00]", "[" * 5000, "[" * 200_000),
        *('[{"pk": 1e99999999999999999999}]', f"[{'9' * 5000}]", "[" * 5000 + "]" * 5000),
    ],
    ids=lambda text: repr(text)[:20],
)
def test_what_is_no_json_list_is_refused(text: str | bytes) -> None:
    with pytest.raises(Invalid) as caught:
        read(text)
    assert not isinstance(caught.value, WrongRows)
    assert caught.value.detail


def test_an_empty_dump_is_one() -> None:
    assert good() == Dump({}, {}, {}, [], good().skipped, set())
    assert not good().skipped


# ---- wrong rows


@pytest.mark.parametrize(
    "row", [1, None, "a", [], {}, {"pk": 1}, {"model": None}, {"model": 1}, {"model": [CHANNEL]}]
)
def test_what_is_no_row_is_named_by_its_position(row: Any) -> None:
    [found] = wrong(channel(1), row)
    assert (found.position, found.field) == (2, "model")


@pytest.mark.parametrize("make", [group, channel, content])
@pytest.mark.parametrize("pk", [None, "1", 1.0, 1.5, True, False, [], {}])
def test_a_pk_is_a_whole_number(make: Any, pk: Any) -> None:
    assert named(channel(1), make(pk)) == [(2, pk if pk != 1.0 else Decimal(1), "pk")]


def test_a_pk_may_not_be_missing() -> None:
    row = channel(1)
    del row["pk"]
    assert named(row) == [(1, None, "pk")]


def test_a_pk_may_be_zero_negative_or_huge() -> None:
    assert list(good(channel(0), channel(-1), channel(10**30)).channels) == [0, -1, 10**30]


@pytest.mark.parametrize("make", [group, channel, content])
def test_a_pk_may_be_there_once_a_model(make: Any) -> None:
    rows = [channel(1), group(1), content(1)]
    good(*rows)
    [found] = wrong(*rows, make(1))
    assert (found.position, found.pk, found.field) == (4, 1, "pk")
    assert "row" in found.reason


@pytest.mark.parametrize("fields", [None, 1, "a", [], True])
def test_fields_are_an_object(fields: Any) -> None:
    assert named({"model": CHANNEL, "pk": 5, "fields": fields}) == [(1, 5, "fields")]
    assert named({"model": CHANNEL, "pk": 5}) == [(1, 5, "fields")]


@pytest.mark.parametrize("row", [group(5), channel(5), content(5)])
def test_an_unknown_field_is_named(row: Row) -> None:
    row["fields"]["titel"] = "x"
    assert named(channel(1), row) == [(2, 5, "titel")]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (group(5), "title"),
        (channel(5), "title"),
        (channel(5), "language"),
        (content(5), "name"),
        (content(5), "file_url"),
        (content(5), "channel"),
    ],
)
def test_a_missing_field_is_named(row: Row, field: str) -> None:
    fields = {name: value for name, value in row["fields"].items() if name != field}
    assert named(channel(1), row | {"fields": fields}) == [(2, 5, field)]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (group(5, ""), "title"),
        (group(5, "x" * 251), "title"),
        (group(5, 7), "title"),
        (group(5, active="true"), "active"),
        (group(5, active=None), "active"),
        (group(5, picture_url="ftp://a/b"), "picture_url"),
        (group(5, slug=7), "slug"),
        (channel(5, title="a\x00"), "title"),
        (channel(5, title="\ud800"), "title"),
        (channel(5, language=""), "language"),
        (channel(5, language=None), "language"),
        (channel(5, active="yes"), "active"),
        (channel(5, picture_url="x"), "picture_url"),
        (channel(5, slug=["a"]), "slug"),
        (channel(5, "1"), "superchannel"),
        (channel(5, 1.5), "superchannel"),
        (channel(5, True), "superchannel"),
        (channel(5, [1]), "superchannel"),
        (channel(5, groups=None), "groups"),
        (channel(5, groups=1), "groups"),
        (channel(5, groups="1"), "groups"),
        (channel(5, groups={"1": 1}), "groups"),
        (content(5, name=""), "name"),
        (content(5, file_url=""), "file_url"),
        (content(5, file_url=None), "file_url"),
        (content(5, active={}), "active"),
        (content(5, rating="10.1"), "rating"),
        (content(5, rating="6.15"), "rating"),
        (content(5, rating=True), "rating"),
        (content(5, rating="NaN"), "rating"),
        (content(5, rating="1e999999999"), "rating"),
        (content(5, rating=None), "rating"),
        (content(5, metadata=[]), "metadata"),
        (content(5, metadata="{}"), "metadata"),
        (content(5, metadata={"a": "\ud800"}), "metadata"),
        (content(5, metadata={"a": "x" * 390_000}), "metadata"),
        (content(5, None), "channel"),
        (content(5, "1"), "channel"),
        (content(5, True), "channel"),
        (content(5, 1.5), "channel"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["model"],
)
def test_a_wrong_field_is_named(row: Row, field: str) -> None:
    assert named(channel(1), row) == [(2, 5, field)]


@pytest.mark.parametrize("member", ["1", 1.5, None, True, [1]])
def test_a_wrong_group_of_a_channel_is_named(member: Any) -> None:
    [found] = wrong(group(1), channel(5, groups=[1, member]))
    assert (found.position, found.pk) == (2, 5)
    assert found.field.startswith("groups")
    assert isinstance(found.reason, str)
    assert len(found.reason) > 1


def test_a_superchannel_channel_or_group_that_is_not_there_is_named() -> None:
    assert named(channel(5, 9)) == [(1, 5, "superchannel")]
    assert named(content(5, 9)) == [(1, 5, "channel")]
    assert named(channel(5, groups=[9])) == [(1, 5, "groups")]
    assert named(group(9), content(9, 9), channel(5, 8)) == [
        (2, 9, "channel"),
        (3, 5, "superchannel"),
    ]


@pytest.mark.parametrize("length", [1, 2, 3, 50])
def test_channels_that_lead_in_a_circle_are_named(length: int) -> None:
    circle = [channel(pk, pk % length + 1) for pk in range(1, length + 1)]
    hanging = channel(99, 1)
    found = named(channel(100), *circle, hanging)
    assert found == [(pk + 1, pk, "superchannel") for pk in range(1, length + 1)] + [
        (length + 2, 99, "superchannel")
    ]


def test_contents_in_a_channel_that_has_subchannels_are_named() -> None:
    assert named(channel(1), channel(2, 1), content(5, 1), content(6, 2)) == [(3, 5, "channel")]


def test_a_title_without_letter_or_digit_needs_a_slug() -> None:
    rows = [group(1, "!"), channel(1, title="…"), content(2, name="-_-")]
    assert named(*rows) == [(1, 1, "slug"), (2, 1, "slug"), (3, 2, "slug")]
    for number, row in enumerate(rows):
        row["fields"]["slug"] = f"s{number}"
    good(*rows)


@pytest.mark.parametrize("make", [group, channel, content])
def test_a_slug_that_two_rows_of_a_model_ask_for_is_named(make: Any) -> None:
    [found] = wrong(channel(1), make(5, slug="same"), make(6, slug="same"))
    assert (found.position, found.pk, found.field) == (3, 6, "slug")
    assert "row 2" in found.reason


def test_everything_wrong_is_named_at_once() -> None:
    rows = [
        7,
        channel(1, 99, slug="one"),
        channel(2, 2),
        channel("3"),
        content(1, 1, rating="11", metadata=[], unknown=1),
        content(2, 98, name="!!!"),
        group(1, ""),
        channel(4, title="Fine"),
        channel(5, slug="one"),
        group(2, "Fine"),
        channel(6, groups=[2, 97]),
    ]
    assert sorted((position, field) for position, _, field in named(*rows)) == [
        (1, "model"),
        (2, "superchannel"),
        (3, "superchannel"),
        (4, "pk"),
        (5, "metadata"),
        (5, "rating"),
        (5, "unknown"),
        (6, "channel"),
        (6, "slug"),
        (7, "title"),
        (9, "slug"),
        (11, "groups"),
    ]


def test_what_is_wrong_is_told_with_its_position_pk_and_field() -> None:
    [found] = wrong(channel(1), content(5, 9))
    assert str(found).startswith(f"row 2 ({CONTENT} pk 5): channel: ")
    assert str(found).endswith(found.reason)


# ---- right rows


def test_rows_may_name_rows_that_come_later() -> None:
    dump = good(content(1, 2), channel(2, 1, "Sub", groups=[1]), channel(1, groups=[1]), group(1))
    assert list(dump.channels) == [1, 2]
    assert list(dump.contents) == [1]


def test_fields_that_are_left_out_have_defaults() -> None:
    dump = good(group(1), {"model": CHANNEL, "pk": 1, "fields": {"title": "A", "language": "B"}})
    assert dump.channels[1].fields == {
        "title": "A",
        "language": "B",
        "active": True,
        "picture_url": None,
        "slug": None,
        "superchannel": None,
        "groups": [],
    }
    fields = good(channel(1), content(1)).contents[1].fields
    assert (fields["rating"], fields["metadata"], fields["active"]) == (1, None, True)


def test_other_models_are_counted_and_nothing_of_them_is_looked_at() -> None:
    dump = good(
        {"model": "auth.user", "pk": "x"}, {"model": "auth.user"}, {"model": ""}, channel(1)
    )
    assert dump.skipped == {"auth.user": 2, "": 1}
    assert list(dump.channels) == [1]


def test_the_case_of_a_model_does_not_matter() -> None:
    dump = good(channel(1) | {"model": "Contents.Channel"})
    assert dump.channels[1].model == CHANNEL


@pytest.mark.parametrize("slug", [None, ""])
def test_a_slug_that_is_null_or_blank_is_made_from_the_title(slug: str | None) -> None:
    dump = good(
        group(1, "A Group", slug=slug),
        channel(1, title="A Channel", slug=slug),
        content(1, name="A Content", slug=slug),
    )
    entries = dump.groups[1], dump.channels[1], dump.contents[1]
    assert [entry.slug for entry in entries] == ["a-group", "a-channel", "a-content"]
    assert all(entry.picked and entry.why for entry in entries)


@pytest.mark.parametrize("url", [None, ""])
def test_a_picture_that_is_null_or_blank_is_none(url: str | None) -> None:
    dump = good(group(1, picture_url=url), channel(1, picture_url=url))
    assert dump.groups[1].fields["picture_url"] is None
    assert dump.channels[1].fields["picture_url"] is None


def test_a_good_slug_is_kept_and_not_spoken_of() -> None:
    dump = good(channel(1, title="Another", slug="0_a-"), content(1, slug="b"))
    assert (dump.channels[1].slug, dump.contents[1].slug) == ("0_a-", "b")
    assert not dump.channels[1].picked


def test_a_content_with_the_slug_of_a_channel_gets_another() -> None:
    dump = good(content(1, slug="up"), channel(1, slug="up"), content(2, slug="up-2"))
    assert dump.channels[1].slug == "up"
    assert dump.contents[2].slug == "up-2"
    assert dump.contents[1].slug == "up-3"
    assert "up" in dump.contents[1].why


def test_a_group_may_have_the_slug_of_a_channel() -> None:
    dump = good(group(1, slug="up"), channel(1, slug="up"))
    assert (dump.groups[1].slug, dump.channels[1].slug) == ("up", "up")


def test_a_slug_in_upper_case_is_folded() -> None:
    dump = good(channel(1, slug="Up"), content(1, slug="CAFÉ"))
    assert (dump.channels[1].slug, dump.contents[1].slug) == ("up", "cafe")
    assert dump.channels[1].picked


def test_a_slug_that_is_kept_comes_before_one_that_is_made() -> None:
    dump = good(channel(1, title="Up"), channel(2, slug="UP"), channel(3, slug="up"))
    assert [dump.channels[pk].slug for pk in (1, 2, 3)] == ["up-2", "up-3", "up"]


def test_equal_titles_have_different_slugs_always_the_same() -> None:
    rows = [channel(1, title="Top"), *(content(pk, name="Up") for pk in range(1, 31))]
    slugs = [good(*rows).contents[pk].slug for pk in range(1, 31)]
    assert slugs == ["up", *(f"up-{number}" for number in range(2, 31))]
    assert [good(*rows).contents[pk].slug for pk in range(1, 31)] == slugs


def test_many_equal_titles_are_told_apart_in_one_count(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def counted(slug: str) -> Iterator[str]:
        for alternative in alternatives(slug):
            tried.append(alternative)
            yield alternative

    monkeypatch.setattr(dumps, "alternatives", counted)
    many = 1000
    dump = good(channel(1, title="Top"), *(content(pk, name="Up") for pk in range(many)))
    assert len({entry.slug for entry in dump.contents.values()}) == many
    assert len(tried) < 3 * many


def test_long_equal_titles_have_different_slugs() -> None:
    dump = good(channel(1, title="x" * 250), content(1, name="x" * 250))
    assert dump.channels[1].slug == "x" * 250
    assert dump.contents[1].slug == "x" * 248 + "-2"
    assert is_slug(dump.contents[1].slug)


def test_another_slug_is_none_that_the_dump_has() -> None:
    dump = good(channel(1, slug="up-2"), content(1, name="Up"))
    entry = dump.contents[1]
    dump.another_slug(entry)
    assert entry.slug == "up-3"
    dump.another_slug(entry)
    assert entry.slug == "up-4"
    assert {"up", "up-2", "up-3", "up-4"} <= dump.taken


def test_contents_come_channel_by_channel() -> None:
    rows = [channel(1), channel(2), *(content(pk, pk % 2 + 1) for pk in range(1, 9))]
    channels = [entry.fields["channel"] for entry in good(*rows).contents.values()]
    assert channels == [1] * 4 + [2] * 4


# ---- groups


def test_a_channel_is_in_the_groups_of_all_channels_below_it() -> None:
    dump = good(
        *(group(pk, f"G{pk}") for pk in (1, 2, 3)),
        channel(1, groups=[3]),
        channel(2, 1, "Two"),
        channel(3, 2, "Three", groups=[1, 1]),
        channel(4, 2, "Four", groups=[2]),
        channel(5, None, "Five"),
    )
    groups = {pk: entry.fields["groups"] for pk, entry in dump.channels.items()}
    assert groups == {1: [1, 2, 3], 2: [1, 2], 3: [1], 4: [2], 5: []}
    assert [line.partition(":")[0] for line in dump.widened] == [
        f"{CHANNEL} pk 1",
        f"{CHANNEL} pk 2",
    ]
    assert all("g1, g2" in line for line in dump.widened)


def test_nothing_is_said_of_groups_that_were_there() -> None:
    assert good(group(1), channel(1, groups=[1]), channel(2, 1, groups=[1])).widened == []


def test_a_channel_is_in_at_most_90_groups() -> None:
    groups = [group(pk, f"G{pk}") for pk in range(1, 92)]
    good(*groups, channel(1, groups=list(range(1, 91))))
    found = named(*groups, channel(7, groups=list(range(1, 92))))
    assert found == [(92, 7, "groups")]


def test_groups_of_subchannels_count_among_the_90() -> None:
    groups = [group(pk, f"G{pk}") for pk in range(1, 92)]
    halves = list(range(1, 47)), list(range(47, 92))
    rows = [channel(1), channel(2, 1, groups=halves[0]), channel(3, 1, groups=halves[1])]
    assert named(*groups, *rows) == [(92, 1, "groups")]


# ---- sizes and numbers


def test_a_chain_is_read_however_deep_it_is() -> None:
    chain = [channel(pk, pk - 1 or None, f"c{pk}") for pk in range(1, DEEP + 1)]
    chain[-1]["fields"]["groups"] = [1]
    dump = good(*reversed(chain), content(1, DEEP), group(1))
    assert list(dump.channels) == list(range(1, DEEP + 1))
    assert len(dump.widened) == DEEP - 1


def test_a_deep_circle_is_named() -> None:
    circle = [channel(pk, pk % DEEP + 1, f"c{pk}") for pk in range(1, DEEP + 1)]
    assert len(wrong(*circle)) == DEEP


@pytest.mark.parametrize("depth", [*range(50, 900, 50), *range(900, 1100), 100_000])
def test_metadata_is_kept_or_refused_however_deep_it_is(depth: int) -> None:
    metadata = '{"a":' * depth + "1" + "}" * depth
    try:
        dump = read(with_metadata(metadata))
    except Invalid:
        assert depth > 50
    else:
        assert dump.contents[1].fields["metadata"] == metadata


@pytest.mark.parametrize(
    "number",
    [
        *("0.1000000000000000055", "12345678901234567890123", "-0.0", "1E5", "1e400", "-1e-400"),
        *("0", "-1", "1.10", "3.14159265358979323846264338327950288", "1e999999999", "0e5"),
        *("9" * 4000, "0." + "1" * 5000),
    ],
    ids=lambda number: number[:20],
)
def test_numbers_of_metadata_keep_their_value(number: str) -> None:
    text = read(with_metadata(f'{{"a":[{number}]}}')).contents[1].fields["metadata"]
    [found] = simplejson.loads(text, use_decimal=True, parse_int=Decimal)["a"]
    assert found == Decimal(number)
    assert found.as_tuple() == Decimal(number).as_tuple()


def test_minus_zero_is_zero() -> None:
    assert read(with_metadata('{"a":-0}')).contents[1].fields["metadata"] == '{"a":0}'


def test_metadata_keeps_its_order_its_text_and_its_types() -> None:
    metadata = '{"z":1,"a":[true,false,null,"é\U0001f3ac\\n\\"",{}],"":{"b":""}}'
    assert read(with_metadata(metadata)).contents[1].fields["metadata"] == metadata


@pytest.mark.parametrize("rating", ['"6.1"', "6.1", "6.10", "10", "0", '"0.0"', "1e1"])
def test_a_rating_is_read_exactly(rating: str) -> None:
    text = json.dumps([channel(1), content(1, rating=0)]).replace(
        '"rating": 0', f'"rating": {rating}'
    )
    assert read(text).contents[1].fields["rating"] == Decimal(rating.strip('"'))
