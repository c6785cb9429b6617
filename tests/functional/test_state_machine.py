"""Any sequence of requests over HTTP: each is answered, and leads to, what the definition says."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import app as popflix
from infra.gateway import Reply, call
from tests.functional.conftest import HOST, claims_of
from tests.invariants import violations_of
from tests.model import ORIGIN, Model, Thing
from tests.twin import Twin, Version, twin

SLUGS = st.sampled_from(["a", "b", "c", "d", "e", "f", "x", "y"])
GROUPS = st.sampled_from(["g", "h"])
RATINGS = st.integers(0, 100).map(lambda tenths: Decimal(tenths) / 10)


@pytest.fixture(scope="module")
def tables() -> Iterator[Twin]:
    with twin() as tables:
        yield tables


def request(method: str, target: str, body: Any = None) -> Reply:
    """An editor's request."""
    headers = {"Host": HOST, "X-Forwarded-Proto": "https", "Authorization": "editors"}
    content = b"" if body is None else json.dumps(body).encode()
    return call(popflix.app, method, target, headers, content, claims_of=claims_of)


class Catalogue(RuleBasedStateMachine):
    """Requests on a few slugs, and on every path that ever was right."""

    tables: Twin

    def __init__(self) -> None:
        super().__init__()
        self.tables.restore(Version(catalogue={}, groups={}, journal={}))
        self.model = Model()
        self.paths: list[str] = []  # that were right at some time, in their order
        for group in ("g", "h"):
            self.create_group(group)
        for path, groups in {"a": "gh", "a/b": "g", "a/b/c": "g", "a/d": "", "e": ""}.items():
            self.make(path, Thing("", groups=set(groups)))
        self.make("a/b/c/f", Thing("", rating=Decimal(5)))

    def make(self, path: str, thing: Thing) -> None:
        """Creates something at a path that is free, or tries to."""
        above, _, slug = path.rpartition("/")
        body: dict[str, Any] = {"slug": slug}
        if thing.rating is None:
            body |= {"title": "T", "language": "L", "groups": sorted(thing.groups)}
        else:
            body |= {"name": "N", "file_url": "https://example.com/", "rating": float(thing.rating)}
        status = self.model.lookup(f"/{above}", hidden=True)[0] if above else 200
        if status == 200:
            status = self.model.create(slug, above.rpartition("/")[2] or ORIGIN, thing)
        self.send(status, "POST", f"/{above}", body)

    def send(self, expected: int, method: str, target: str, body: Any = None) -> None:
        """A write, and what has to come of it."""
        reply = request(method, target, body)
        assert reply.status == expected, f"{method} {target} {body}: {expected} is right, {reply}"
        for slug in self.model.things:
            if (path := self.model.path(slug)) not in self.paths:
                self.paths.append(path)

    def some_path(self, data: st.DataObject) -> str:
        """One that is right or, now and then, was at some time, or never."""
        right = [self.model.path(slug) for slug in sorted(self.model.things)]
        drawn = data.draw(st.integers(0, 3), label="how the path is chosen")
        paths = right if drawn and right else [*reversed(self.paths), "/f/a", "/nothing"]
        return data.draw(st.sampled_from(paths), label="path")

    def target(
        self, method: str, data: st.DataObject, body: Any = None, query: str = ""
    ) -> str | None:
        """The slug of what is at some path; if nothing is there now, what a write says of that."""
        path = self.some_path(data)
        status, _ = self.model.lookup(path, hidden=True)
        if status == 200:
            return path.rpartition("/")[2]
        self.send(status, method, path + query, body)
        return None

    @rule(data=st.data(), slug=SLUGS, groups=st.sets(GROUPS), top=st.booleans())
    def create_channel(self, data: st.DataObject, slug: str, groups: set[str], top: bool) -> None:
        above = "" if top else self.some_path(data)
        self.make(f"{above}/{slug}".strip("/"), Thing("", groups=groups))

    @rule(data=st.data(), slug=SLUGS, rating=RATINGS)
    def create_content(self, data: st.DataObject, slug: str, rating: Decimal) -> None:
        self.make(f"{self.some_path(data)}/{slug}".strip("/"), Thing("", rating=rating))

    @rule(data=st.data(), active=st.booleans())
    def hide_or_show(self, data: st.DataObject, active: bool) -> None:
        body = {"active": active}
        if slug := self.target("PATCH", data, body):
            path = self.model.path(slug)
            self.send(self.model.show(slug, active), "PATCH", path, body)

    @rule(data=st.data(), rating=RATINGS)
    def rate(self, data: st.DataObject, rating: Decimal) -> None:
        body = {"rating": float(rating)}
        if slug := self.target("PATCH", data, body):
            self.send(self.model.rate(slug, rating), "PATCH", self.model.path(slug), body)

    @rule(data=st.data(), groups=st.sets(GROUPS))
    def regroup(self, data: st.DataObject, groups: set[str]) -> None:
        body = {"groups": sorted(groups)}
        if slug := self.target("PATCH", data, body):
            path = self.model.path(slug)
            self.send(self.model.regroup(slug, groups), "PATCH", path, body)

    @rule(data=st.data(), to=SLUGS | st.none())
    def move_to_anything(self, data: st.DataObject, to: str | None) -> None:
        self.move(data, to)

    @precondition(lambda self: self.model.things)
    @rule(data=st.data())
    def move_to_what_is_there(self, data: st.DataObject) -> None:
        self.move(data, data.draw(st.sampled_from(sorted(self.model.things)), label="to"))

    def move(self, data: st.DataObject, to: str | None) -> None:
        """Moves what is at some path."""
        path = self.some_path(data)
        slug = path.rpartition("/")[2]
        is_content = slug in self.model.things and self.model.things[slug].is_content
        body = {"channel" if is_content else "superchannel": to}
        status, _ = self.model.lookup(path, hidden=True)
        if status == 200:
            status = 400 if is_content and to is None else self.model.move(slug, to or ORIGIN)
        self.send(status, "PATCH", path, body)

    @rule(data=st.data(), below=st.sampled_from([None, None, "detach", "delete"]))
    def delete(self, data: st.DataObject, below: str | None) -> None:
        query = f"?below={below}" if below else ""
        if slug := self.target("DELETE", data, query=query):
            path = self.model.path(slug)
            self.send(self.model.delete(slug, below), "DELETE", path + query)

    def create_group(self, group: str) -> None:
        """A group that isn't there."""
        self.model.groups.add(group)
        self.send(201, "POST", "/-/groups", {"slug": group, "title": "G"})

    @rule(group=GROUPS)
    def delete_group_or_create_it(self, group: str) -> None:
        if group in self.model.groups:
            self.send(self.model.delete_group(group), "DELETE", f"/-/groups/{group}")
        else:
            self.create_group(group)

    @rule(data=st.data())
    def look_up(self, data: st.DataObject) -> None:
        self.read(self.some_path(data))

    @rule(slugs=st.lists(SLUGS, min_size=1, max_size=4))
    def look_up_anything(self, slugs: list[str]) -> None:
        self.read(f"/{'/'.join(slugs)}")

    def read(self, path: str) -> None:
        """What GET gives has to be what the definition says."""
        reply = request("GET", path)
        status, found = self.model.lookup(path)
        assert reply.status == status, f"{path}: {status} is right, {reply}"
        if status == 308:
            assert urlsplit(reply.headers["Location"]).path == found
        if status == 200:
            self.compare(path, json.loads(reply.body))

    def compare(self, path: str, body: dict[str, Any]) -> None:
        """A channel or content as it is read, with the first of what is below."""
        slug = path.rpartition("/")[2]
        thing = self.model.things[slug]
        assert body["path"] == path
        if thing.is_content:
            assert body["rating"] == float(thing.rating or 0)
            return
        assert body["groups"] == sorted(thing.groups)
        assert [above["slug"] for above in body["superchannels"]] == self.model.chain(slug)[:-1]
        listed = [item["slug"] for item in body.get("subchannels", []) + body.get("contents", [])]
        assert listed == [name for name in self.model.below(slug) if self.model.things[name].active]

    @invariant()
    def nothing_is_wrong(self) -> None:
        """A recount of the tables, which hold what the model does."""
        items = self.tables.items("catalogue")
        assert not violations_of(items, self.tables.items("groups"))
        there = {item["slug"]["S"] for item in items if item["kind"]["S"] != "gone"}
        assert there == self.model.things.keys()

    def teardown(self) -> None:
        """Every path that ever was right."""
        for path in self.paths:
            self.read(path)


def test_every_answer_is_what_the_definition_says(
    tables: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Catalogue, "tables", tables, raising=False)
    run_state_machine_as_test(
        Catalogue, settings=settings(max_examples=25, stateful_step_count=40, deadline=None)
    )
