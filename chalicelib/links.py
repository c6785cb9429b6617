"""Whether a path is right, was right once, or never was: every link of it by itself. Pure."""

from collections.abc import Mapping, Sequence

from chalicelib.errors import NotFound
from chalicelib.models import Channel, Gone, Item
from chalicelib.paths import ORIGIN, join


class Old(Exception):
    """The path was right once, and what it named is still there, elsewhere."""


def follow(slugs: Sequence[str], items: Mapping[str, Item]) -> list[Item]:
    """The items from the origin channel down to what the path of `slugs` names.

    An item remembers what it was below, and so tells a link that was right once. Deleted channels
    are remembered where something was moved out of them, for old links go on through them.
    Raises Old, or NotFound if a link of the path never was right.
    """
    found: list[Item] = []
    old = False
    for above, slug in zip([ORIGIN, *slugs], slugs, strict=False):
        item = items.get(slug)
        if item is None:
            raise nothing(slugs)
        last = len(found) == len(slugs) - 1
        if isinstance(item, Gone) or item.above != above:
            once = (item.former or set()) | (set() if last else item.ghosts or set())
            if above not in once or (last and isinstance(item, Gone)):
                raise nothing(slugs)
            old = True
        found.append(item)
    if old:
        raise Old
    return found


def check_shown(chain: Sequence[Item], slugs: Sequence[str], *, hidden: bool) -> None:
    """Raises NotFound if a channel of `chain` is being deleted or, unless `hidden`, is inactive."""
    for item in chain:
        if is_dying(item) or not (item.active or hidden):
            raise nothing(slugs)


def is_dying(item: Item) -> bool:
    """Whether `item` is a channel of which the deletion has begun."""
    return isinstance(item, Channel) and item.deleting is not None


def nothing(slugs: Sequence[str]) -> NotFound:
    """That nothing is at the path of `slugs`."""
    if len(set(slugs)) < len(slugs):
        return NotFound(f"{join(slugs)} names a channel twice, and no channel is below itself.")
    return NotFound(f"Nothing is at {join(slugs)}. GET / lists the channels to start from.")
