"""Write `schema.json` anew, of the provider that is installed where there is a network.

    terraform -chdir=deploy/terraform/environments/staging init -backend=false
    terraform -chdir=deploy/terraform/environments/staging providers schema -json | python tests/terraform/standin/refresh.py

Of the schema it keeps what the module uses: names, types, what is required, how blocks nest. No descriptions.
"""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ADDRESS = "hashicorp/google"
MODULE = HERE.parents[2] / "deploy" / "terraform" / "modules" / "dropforge"
PROVIDER = {"billing_project", "project", "region", "user_project_override"}  # what the environments say of it
_ATTRIBUTE = ("type", "required", "optional", "computed")
_NESTING = ("nesting_mode", "min_items", "max_items")


def used(kind: str) -> set[str]:
    """The types of all `resource` or `data` blocks of the module."""
    texts = (path.read_text() for path in MODULE.glob("*.tf"))
    return {found for text in texts for found in re.findall(rf'^{kind} "(\w+)"', text, re.MULTILINE)}


def kept(block: dict[str, Any], only: Iterable[str] | None = None) -> dict[str, Any]:
    """A block without what no plan depends on."""
    attributes = {
        name: {key: each[key] for key in _ATTRIBUTE if each.get(key)}
        for name, each in sorted(block.get("attributes", {}).items())
        if (only is None or name in only) and "type" in each
    }
    nested = {
        name: {key: each[key] for key in _NESTING if each.get(key)} | {"block": kept(each["block"])}
        for name, each in sorted(block.get("block_types", {}).items())
        if only is None or name in only
    }
    return ({"attributes": attributes} if attributes else {}) | ({"block_types": nested} if nested else {})


def main() -> None:
    """Read a schema from standard input, and write what is kept of it: one line a type."""
    schemas = json.load(sys.stdin)["provider_schemas"]  # by address, the host first
    given = next(schema for address, schema in schemas.items() if address.endswith(ADDRESS))
    lines = [f'"provider": {json.dumps({"block": kept(given["provider"]["block"], PROVIDER)})}']
    for part, kind in (("resource_schemas", "resource"), ("data_source_schemas", "data")):
        types = ",\n".join(
            f"{json.dumps(name)}: {json.dumps({'block': kept(given[part][name]['block'])})}"
            for name in sorted(used(kind))
        )
        lines.append(f'"{part}": {{\n{types}\n}}')
    body = ",\n".join(lines)
    text = f'{{"provider_schemas": {{"{ADDRESS}": {{\n{body}\n}}}}}}\n'
    (HERE / "schema.json").write_text(text)


if __name__ == "__main__":
    main()
