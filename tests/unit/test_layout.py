"""How the code is laid out: what imports what, and who reads the environment."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MODULES = {
    path.stem: path for path in (ROOT / "chalicelib").glob("*.py") if path.stem != "__init__"
}
EVERY = {**MODULES, "app": ROOT / "app.py"}
LONGEST = 400  # lines
AWS = {"boto3", "botocore", "pynamodb", "mypy_boto3_s3", "mypy_boto3_dynamodb"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    """Every module that the file imports, wherever in it: `a`, `a.b`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def of_ours(path: Path) -> set[str]:
    parts = (name.split(".") for name in imported(path))
    return {part[1] for part in parts if part[0] == "chalicelib" and part[1:]} & MODULES.keys()


def reads_environment(path: Path) -> bool:
    names = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    return bool(names & {"environ", "getenv", "environb"}) or "os.environ" in imported(path)


def test_there_are_modules_to_look_at() -> None:
    assert {"settings", "paths", "tree", "web"} <= MODULES.keys()


def test_imports_point_one_way() -> None:
    # Raises CycleError, naming the circle, if they don't.
    TopologicalSorter({name: of_ours(path) for name, path in MODULES.items()}).prepare()


def test_nothing_imports_app() -> None:
    assert [name for name, path in EVERY.items() if "app" in packages(path)] == []


def test_only_the_edge_knows_chalice() -> None:
    assert {name for name, path in EVERY.items() if "chalice" in packages(path)} == {"app", "web"}


def test_the_domain_does_not_know_the_edge() -> None:
    assert [name for name, path in MODULES.items() if "web" in of_ours(path)] == []


def test_only_settings_read_the_environment() -> None:
    assert [name for name, path in EVERY.items() if reads_environment(path)] == ["settings"]


@pytest.mark.parametrize("name", ["paths", "slugs", "ratings", "dumps", "errors", "settings"])
def test_pure_modules_do_not_know_aws(name: str) -> None:
    assert packages(MODULES[name]) & AWS == set()


@pytest.mark.parametrize("name", ["paths", "slugs", "ratings", "errors"])
def test_the_purest_modules_import_no_others_than_each_other(name: str) -> None:
    assert of_ours(MODULES[name]) <= {"paths"}


@pytest.mark.parametrize("name", sorted(EVERY))
def test_no_file_is_long(name: str) -> None:
    lines = len(EVERY[name].read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{name} has {lines} lines"


@pytest.mark.parametrize("name", sorted(EVERY))
def test_every_module_says_what_it_is(name: str) -> None:
    assert ast.get_docstring(tree(EVERY[name]))
