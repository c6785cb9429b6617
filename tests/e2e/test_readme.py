"""README's commands do what README says."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Product, environment

pytestmark = pytest.mark.xdist_group("e2e")

README = (Path(__file__).parent.parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_commands_prints_what_it_shows(product: Product, block: str) -> None:
    shown = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    assert shown
    for entry in shown:
        command, _, output = entry.partition("\n")
        command = command.replace("localhost:8000", f"localhost:{product.port}")
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=product.root,
            env=environment() | {"TOKEN": product.admin.removeprefix("Bearer ")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode in (0, 23), result.stderr  # 23: curl's reader had enough
        # `...` stands for anything.
        pattern = ".*".join(re.escape(part) for part in output.strip().split("..."))
        found = result.stdout.replace(f"localhost:{product.port}", "localhost:8000").strip()
        assert re.fullmatch(pattern, found, flags=re.DOTALL), f"{command}\n{found}"
