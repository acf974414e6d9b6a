# SPDX-License-Identifier: MPL-2.0
"""The runbook, the alert rules, the doctor and the command line speak of the same things, and each remedy is carried out by a
test that exists."""
from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import yaml

from jobtrappen.cli import cli
from jobtrappen.doctor_words import PAGE, WORDS
from tests.support.prometheus import RULES
from tests.support.runbook import BY_HAND, ROOT, commands, named

RUNBOOK = (ROOT / PAGE).read_text(encoding="utf-8")
USED = {"remedy", "by_hand", "run", "start"}


def anchors() -> set[str]:
    return {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE)}


def carried_out() -> dict[str, set[str]]:
    """{remedy: the tests (or their helpers) that carry it out}, read from the tests' own code."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for function in (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)):
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
                first = call.args[0] if call.args else None
                if name in USED and isinstance(first, ast.Constant) and str(first.value).startswith("R-"):
                    found.setdefault(str(first.value), set()).add(function.name)
    return found


def test_each_remedy_is_carried_out_by_a_test_and_each_that_a_test_names_is_on_the_page() -> None:
    done = carried_out()
    assert named() - set(done) == set(), "no test carries these out"
    assert set(done) - named() == set(), "the page does not have these"
    assert [name for name, tests in done.items() if not any(test.startswith("test_") for test in tests)] == []
    assert named() == set(commands()) | set(BY_HAND.findall(RUNBOOK)), "a remedy without its command"


def test_every_command_that_page_and_doctor_give_exists() -> None:
    given = [*commands().values(), *(w.remedy.removeprefix("jobtrappen ") for w in WORDS.values() if w.remedy.startswith("jobtrappen "))]
    given += re.findall(r"`jobtrappen ([^`]+)`", RUNBOOK)
    assert len(given) > 20
    for text in given:
        words, here = shlex.split(text.replace("{", "<").replace("}", ">")), cli
        while words and hasattr(here, "commands") and not words[0].startswith("-"):
            assert words[0] in here.commands, f"jobtrappen {text}: there is no {words[0]}"
            here = here.commands[words.pop(0)]
        known = {option for parameter in here.params for option in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= known, text


def test_every_alert_and_finding_stands_in_the_runbook_and_leads_there() -> None:
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]
    assert len(rules) > 15
    for rule in rules:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == PAGE and anchor in anchors(), rule["alert"]
        assert f"`{rule['alert']}`" in RUNBOOK, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")
    for code, words in WORDS.items():
        assert words.anchor in anchors() and f"`{code}`" in RUNBOOK, code
    assert set(re.findall(r"`(Jobtrappen\w+)`", RUNBOOK)) == {rule["alert"] for rule in rules}


def test_the_dashboard_is_whole() -> None:
    dashboard = json.loads(RULES.with_name("dashboard.json").read_text(encoding="utf-8"))
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 15
    taken = [(x, y) for p in panels for x in range(p["gridPos"]["x"], p["gridPos"]["x"] + p["gridPos"]["w"]) for y in range(p["gridPos"]["y"], p["gridPos"]["y"] + p["gridPos"]["h"])]
    assert len(set(taken)) == len(taken) and max(x for x, _y in taken) == 23, "panels lie on each other"
    assert all(target["expr"] for panel in panels for target in panel["targets"])


def test_operations_leads_to_the_runbook() -> None:
    assert "runbook.md" in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert Path(RULES).is_file()
