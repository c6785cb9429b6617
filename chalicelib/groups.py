"""Groups: which there are. The table is small, and read whole to be listed in order."""

from collections.abc import Callable, Iterable
from typing import Any

from chalicelib import journal
from chalicelib.errors import Conflict, FieldError, Invalid, NotFound
from chalicelib.models import Group, own, revised
from chalicelib.slugs import wishes
from chalicelib.transactions import Stale, Transaction, check_tag, differences, settled, unchanged


def listing(*, limit: int, after: str | None = None) -> tuple[list[Group], str | None]:
    """Up to `limit` active groups in slug order, and the slug after which there are more, or None.

    Costs one Scan for every MB of groups.
    """
    active = Group.scan(Group.active.is_in(True))
    groups = sorted(
        (group for group in active if after is None or group.slug > after),
        key=lambda group: group.slug,
    )
    return groups[:limit], groups[limit - 1].slug if len(groups) > limit else None


def read(slug: str) -> Group:
    """The active group of that slug. Raises NotFound."""
    group = find(slug, consistent=False)
    if group is None or not group.active:
        raise _nothing(slug)
    return group


def missing(slugs: Iterable[str]) -> list[FieldError]:
    """An error for each of `slugs`, up to 100, that is no group's. One BatchGetItem."""
    wanted = sorted(set(slugs))
    found = Group.batch_get(wanted, consistent_read=True) if wanted else ()
    there = {group.slug for group in found if not group.deleting}
    return [
        FieldError("groups", f"There is no group {slug}.") for slug in wanted if slug not in there
    ]


def require(slugs: Iterable[str]) -> None:
    """Raises Invalid, naming them all, if one of `slugs`, up to 100, is no group's."""
    if wrong := missing(slugs):
        raise Invalid("A channel can only be in groups that there are: GET /-/groups.", wrong)


@settled
def create(group: Group, *, pick: bool, key: journal.Key | None = None) -> Group:
    """Makes a new group, of its slug or, to `pick`, of another like it if that is taken.

    Raises Conflict if it is taken. Repeated under the same `key`, it gives what was made.
    """
    if key:
        group = revised(group, born=key.born)
    if (made := journal.recall(key)) is not None:
        return revised(group, slug=made)
    wanted = wishes(group.slug) if pick else [group.slug]
    taken = {found.slug: found for found in Group.batch_get(wanted, consistent_read=True)}
    for found in taken.values():
        if not key and found.born == group.born:
            return found  # it was carried out, and not answered
    free = [slug for slug in wanted if slug not in taken]
    if not free:
        if (made := journal.recall(key)) is not None:  # at the same moment
            return revised(group, slug=made)
        if pick:
            raise Stale([])
        dying = taken[group.slug].deleting
        raise Conflict(
            f"The group {group.slug} is being deleted: DELETE it again to finish that."
            if dying
            else f"There is a group {group.slug} already: choose another slug."
        )
    new = revised(group, slug=free[0])
    transaction = Transaction()
    transaction.save(new, Group.slug.does_not_exist())
    journal.remember(transaction, key, new.slug)
    transaction.commit()
    return new


@settled
def change(
    slug: str, edit: Callable[[Group], dict[str, Any]], *, match: frozenset[str] | None = None
) -> Group:
    """Gives a group the values that `edit` says. Raises NotFound; PreconditionFailed."""
    before = find(slug)
    if before is None or before.deleting:
        raise _nothing(slug)
    check_tag(before, match)
    after = revised(before, **edit(before))
    if own(after) != own(before):
        replace(before, after)
    return after


def replace(before: Group, after: Group) -> None:
    """Makes of `before`, as it was read, `after`. Raises Stale if it has changed."""
    transaction = Transaction()
    transaction.update(after, differences(before, after), unchanged(before))
    transaction.commit()


def remove(group: Group) -> None:
    """Deletes `group`, as it was read, once no origin channel is in it. Raises Stale."""
    empty = (Group.members == 0) | Group.members.does_not_exist()
    transaction = Transaction()
    transaction.delete(group, unchanged(group) & empty)
    transaction.commit()


def find(slug: str, *, consistent: bool = True) -> Group | None:
    """The group of that slug, inactive or not; if `consistent`, as it is at this moment."""
    try:
        return Group.get(slug, consistent_read=consistent)
    except Group.DoesNotExist:
        return None


def _nothing(slug: str) -> NotFound:
    return NotFound(f"There is no group {slug}. GET /-/groups lists all.")
