"""Who may do what, a line for each method of each route; tested in process and on the local cloud.

None is everyone. The target of a DELETE names nothing, for who may delete does.
"""

from typing import NamedTuple

EDITORS = {"admins", "editors"}
ANALYSTS = {"admins", "analysts"}
REPORTS = "/-/reports/channel-ratings"
NAME = "20261122T030000Z.csv"


class Rule(NamedTuple):
    """The roles that may send `method` to `route`, of which `target` is an example."""

    method: str
    route: str
    target: str
    roles: set[str] | None

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


RULES = [
    Rule(method, route, target, roles)
    for methods, route, target, roles in (
        ("GET HEAD", "/", "/", None),
        ("POST", "/", "/", EDITORS),
        ("GET HEAD", "/{path+}", "/storage", None),
        ("POST PATCH", "/{path+}", "/storage", EDITORS),
        ("DELETE", "/{path+}", "/nothing", EDITORS),
        ("GET HEAD", "/-/preview", "/-/preview", EDITORS),
        ("GET HEAD", "/-/preview/{path+}", "/-/preview/storage", EDITORS),
        ("GET HEAD", "/-/groups", "/-/groups", None),
        ("POST", "/-/groups", "/-/groups", EDITORS),
        ("GET HEAD", "/-/groups/{slug}", "/-/groups/rated-g", None),
        ("PATCH", "/-/groups/{slug}", "/-/groups/rated-g", EDITORS),
        ("DELETE", "/-/groups/{slug}", "/-/groups/nothing", EDITORS),
        ("GET HEAD", "/-/health", "/-/health", None),
        ("POST", "/-/token", "/-/token", None),
        ("GET HEAD", REPORTS, REPORTS, ANALYSTS),
        ("GET HEAD", f"{REPORTS}/latest", f"{REPORTS}/latest", ANALYSTS),
        ("GET HEAD", f"{REPORTS}/{{name}}", f"{REPORTS}/{NAME}", ANALYSTS),
    )
    for method in methods.split()
]
