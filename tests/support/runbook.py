# SPDX-License-Identifier: MPL-2.0
"""The remedies of docs/runbook.md as tests carry them out: the command is taken from the page, so the page is what is tested."""
from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "runbook.md"
COMMAND = re.compile(r"`(R-[a-z-]+)` `jobtrappen ([^`]+)`")
BY_HAND = re.compile(r"`(R-[a-z-]+)` by hand")


def commands() -> dict[str, str]:
    """{name: command, without `jobtrappen`} of every remedy that is a command; the same wherever it stands."""
    found: dict[str, str] = {}
    for name, command in COMMAND.findall(PAGE.read_text(encoding="utf-8")):
        assert found.setdefault(name, command) == command, f"{name} stands for two commands"
    return found


def named() -> set[str]:
    """Every name of a remedy on the page."""
    return set(re.findall(r"`(R-[a-z-]+)`", PAGE.read_text(encoding="utf-8")))


def remedy(name: str, **fill: object) -> list[str]:
    """The arguments of a remedy's command, `<service>` and `<id>` filled in."""
    command = commands()[name]
    for word, value in fill.items():
        command = command.replace(f"<{word}>", str(value))
    assert "<" not in command, f"{name}: {command} is not filled in"
    return shlex.split(command)


def by_hand(name: str) -> None:
    """What follows in the test is what the page says that a person does."""
    assert name in BY_HAND.findall(PAGE.read_text(encoding="utf-8")), f"{name} is not in the runbook"
