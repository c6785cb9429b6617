"""The catalogue as its definition has it: plain dictionaries, one request at a time."""

from dataclasses import dataclass, field
from decimal import Decimal

ORIGIN = "/"

# How a lookup ends: HTTP's status, and the path that it found or leads to.
Ending = tuple[int, str | None]
NOTHING: Ending = (404, None)


@dataclass
class Thing:
    """A channel or, if it has a rating, a content."""

    above: str
    groups: set[str] = field(default_factory=set)
    rating: Decimal | None = None
    active: bool = True
    former: set[str] = field(default_factory=set)  # what it was below before it was moved
    linked: bool = False  # whether old links may lead through it

    @property
    def is_content(self) -> bool:
        """Whether nothing can be below it."""
        return self.rating is not None


class Model:
    """A catalogue; every write returns the status that HTTP answers it with."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.groups: set[str] = set()
        # What deleted channels of a slug were below, if old links lead through them.
        self.gone: dict[str, set[str]] = {}

    # ---- reads

    def below(self, slug: str) -> list[str]:
        """The slugs of what is directly below, in order."""
        return sorted(name for name, thing in self.things.items() if thing.above == slug)

    def chain(self, slug: str) -> list[str]:
        """The slugs from the origin channel down to `slug`, which is there."""
        chain = [slug]
        while (above := self.things[chain[0]].above) != ORIGIN:
            chain.insert(0, above)
        return chain

    def path(self, slug: str) -> str:
        """The path of what is there."""
        return "/" + "/".join(self.chain(slug))

    def lookup(self, path: str, *, hidden: bool = False) -> Ending:
        """200 if the path is right, 308 if it was once, 404 if neither or, unless `hidden`, hidden.

        A path is right if each link of it is: the first segment is an origin channel, and every
        other is directly below the one before it. It was right once if each link is or was.
        """
        slugs = path.strip("/").split("/")
        if len(set(slugs)) < len(slugs) or slugs[-1] not in self.things:
            return NOTHING
        links = list(zip([ORIGIN, *slugs], slugs, strict=False))
        right = [slug in self.things and self.things[slug].above == above for above, slug in links]
        once = [self._was(*link, last=link == links[-1]) for link in links]
        if not all(is_right or was for is_right, was in zip(right, once, strict=True)):
            return NOTHING
        chain = self.chain(slugs[-1])
        if not hidden and not all(self.things[slug].active for slug in chain):
            return NOTHING
        return (200 if all(right) else 308), self.path(slugs[-1])

    def _was(self, above: str, slug: str, *, last: bool) -> bool:
        thing = self.things.get(slug)
        if thing and above in thing.former:
            return True
        return not last and above in self.gone.get(slug, set())

    # ---- writes: `slug` is there

    def create(self, slug: str, above: str, thing: Thing) -> int:
        """A new thing below `above`, or at the top."""
        if slug in self.things or not self._takes(above, thing):
            return 409
        if not thing.groups <= self.groups:
            return 400
        thing.above = above
        self.things[slug] = thing
        self._widen(slug)
        return 201

    def show(self, slug: str, active: bool) -> int:
        """Hides it, or shows it again."""
        self.things[slug].active = active
        return 200

    def rate(self, slug: str, rating: Decimal) -> int:
        """Rates a content."""
        if not self.things[slug].is_content:
            return 400
        self.things[slug].rating = rating
        return 200

    def regroup(self, slug: str, groups: set[str]) -> int:
        """Other groups of a channel, which the channels above get into too."""
        if self.things[slug].is_content:
            return 400
        below = {group for name in self.below(slug) for group in self.things[name].groups}
        if below - groups:
            return 409
        if not groups <= self.groups:
            return 400
        self.things[slug].groups = set(groups)
        self._widen(slug)
        return 200

    def move(self, slug: str, to: str) -> int:
        """Goes below `to`, with all that is below."""
        thing = self.things[slug]
        if to == thing.above:
            return 200
        if to != ORIGIN and to not in self.things:
            return 400
        if (to != ORIGIN and slug in self.chain(to)) or not self._takes(to, thing):
            return 409
        self._leave(slug)
        thing.former.add(thing.above)
        thing.above = to
        self._widen(slug)
        return 200

    def delete(self, slug: str, below: str | None) -> int:
        """It goes, and with it what is below, or that becomes origin channels."""
        names = self.below(slug)
        contents = any(self.things[name].is_content for name in names)
        if names and (below is None or (below == "detach" and contents)):
            return 409
        for name in names:
            if below == "detach":
                self.move(name, ORIGIN)
            else:
                self.delete(name, below)
        thing = self.things[slug]
        if thing.linked:
            self.gone.setdefault(slug, set()).update({thing.above, *thing.former})
        if slug in self.gone:
            self._leave(slug)
        del self.things[slug]
        return 204

    def delete_group(self, group: str) -> int:
        """It goes, and every channel leaves it."""
        self.groups.discard(group)
        for thing in self.things.values():
            thing.groups.discard(group)
        return 204

    def _takes(self, above: str, thing: Thing) -> bool:
        if above == ORIGIN:
            return not thing.is_content
        others = [self.things[name].is_content for name in self.below(above)]
        return not self.things[above].is_content and all(
            other == thing.is_content for other in others
        )

    def _leave(self, slug: str) -> None:
        """Old links to what leaves lead through what it leaves."""
        above = self.things[slug].above
        if above != ORIGIN:
            self.things[above].linked = True

    def _widen(self, slug: str) -> None:
        for above in self.chain(slug)[:-1]:
            self.things[above].groups |= self.things[slug].groups
