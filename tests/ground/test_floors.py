"""The house stands as docs/architecture.md draws it: arrows point down only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_arrows_point_down_only() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
