"""The tools that `make` begins find all that they are made of, by the paths that it gives them."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
RECIPE: Final = re.compile(r"^\t@PYTHONPATH=(\S+) \$\(BIN\)/python -m (\S+)", re.MULTILINE)
TOOLS: Final = {tool: paths for paths, tool in RECIPE.findall((ROOT / "Makefile").read_text())}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_can_be_begun(tool: str) -> None:
    module = tool if "." in tool else f"{tool}.__main__"
    begun = subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        env=os.environ | {"PYTHONPATH": TOOLS[tool].replace("$(CURDIR)", str(ROOT))},
        capture_output=True,
        check=False,
        text=True,
    )

    assert begun.returncode == 0, begun.stderr


def test_there_are_tools() -> None:
    assert {"chaos", "drill", "bench", "sticky"} <= set(TOOLS)
