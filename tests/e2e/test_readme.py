"""README's commands do what README says."""

import re
import subprocess
from pathlib import Path

from tests.e2e.conftest import Product, environment

README = (Path(__file__).parent.parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL)


def test_the_commands_print_what_is_shown(product: Product) -> None:
    known = {"TOKEN": product.admin.removeprefix("Bearer "), "PASSWORD": product.password}
    shown = [entry for block in BLOCKS for entry in re.split(r"^\$ ", block, flags=re.M)[1:]]
    assert len(shown) >= len(BLOCKS)
    for entry in shown:
        # A line that ends so goes on in the next one.
        parts = re.fullmatch(r"((?:[^\n]*[\\|]\n)*[^\n]*)\n?(.*)", entry, flags=re.DOTALL)
        assert parts is not None
        command = parts[1].replace("localhost:8000", f"localhost:{product.port}")
        sets = re.match(r"([A-Z]+)=", command)
        if sets:
            command += f"; printf %s ${sets[1]}"
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=product.root,
            env=environment() | known,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode in (0, 23), result.stderr  # 23: curl's reader had enough
        if sets:
            known[sets[1]] = result.stdout
            assert result.stdout, command
            continue
        # `...` stands for anything.
        pattern = ".*".join(re.escape(part) for part in parts[2].strip().split("..."))
        found = result.stdout.replace(f"localhost:{product.port}", "localhost:8000").strip()
        assert re.fullmatch(pattern, found, flags=re.DOTALL), f"{command}\n{found}"
