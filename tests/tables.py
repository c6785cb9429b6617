"""The tables of the stack's own template, made without CloudFormation."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parent.parent / "infra" / "template.yaml"
_WANTED = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms (`!Ref`) as nothing; the tables' schemas have none."""


_Loader.add_multi_constructor("!", lambda loader, tag, node: None)


@cache
def _resources() -> Any:
    return yaml.load(TEMPLATE.read_text(), _Loader)["Resources"]


def create_tables(client: Any) -> None:
    """Makes the tables of the tests' settings, anew if they are there, with a botocore client."""
    resources = _resources()
    there = client.list_tables()["TableNames"]
    for name in ("catalogue", "groups", "journal"):
        if name in there:
            client.delete_table(TableName=name)
        properties: dict[str, Any] = resources[f"{name.title()}Table"]["Properties"]
        schema = {key: properties[key] for key in _WANTED if key in properties}
        client.create_table(TableName=name, **schema)
