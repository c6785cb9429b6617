"""Groups: which there are. The table is small, and read whole to be listed in order."""

from chalicelib.errors import NotFound
from chalicelib.models import Group


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
    try:
        group = Group.get(slug)
    except Group.DoesNotExist:
        group = None
    if group is None or not group.active:
        raise NotFound(f"There is no group {slug}. GET /-/groups lists all.")
    return group
