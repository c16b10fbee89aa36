"""What the README says can be done, and what it links is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from gis import cli

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "README.zh-CN.md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_python_example_runs_and_finds_a_grid(page: str) -> None:
    code = re.search(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    done = subprocess.run(
        [sys.executable, "-c", code[1]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    assert re.match(r"\['150103099901\d{3}', 'outside'\]\n[\d.]+ m from the border", done.stdout)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_picture_is_there(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_is_known(page: str) -> None:
    root = get_command(cli.app)
    lines = re.findall(
        r"^wangge (.*?)(?:\s{2,}#.*)?$",
        (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " "),
        re.MULTILINE,
    )
    assert lines
    for line in lines:
        words, command = line.split(), root
        while words and hasattr(command, "commands") and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        known = {
            name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
        }
        assert [word for word in words if word.startswith("-") and word not in known] == [], line


def test_both_languages_show_the_same_commands_and_pages() -> None:
    shown = []
    for page in PAGES:
        words = (ROOT / page).read_text(encoding="utf-8")
        commands = re.findall(r"^(?:wangge|make) .*?(?=\s{2,}#|$)", words, re.MULTILINE)
        shown.append((commands, sorted(set(re.findall(r"\]\(([^)#:]+)\)", words)) - set(PAGES))))
    assert shown[0] == shown[1]
