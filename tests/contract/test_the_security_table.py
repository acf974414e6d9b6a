# SPDX-License-Identifier: MPL-2.0
"""docs/security.md is whole, names tests that exist, and claims nothing as met without one."""
from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORDS = {"met", "operator", "partly", "not met", "n/a"}
ROW = re.compile(r"^\| (?P<ids>[0-9.,– ]+) \| (?P<asked>[^|]+) \| (?P<word>[^|]+) \|(?P<how>[^|]*)\|(?P<test>[^|]*)\|$")
REQUIRED = """1.1.1-7 1.2.1-4 1.4.1 1.4.4-5 1.5.1-4 1.6.1-4 1.7.1-2 1.8.1-2 1.9.1-2 1.10.1 1.11.1-2 1.12.2 1.14.1-6
2.1.1-12 2.2.1-3 2.3.1-3 2.4.1-5 2.5.1-7 2.6.1-3 2.7.1-6 2.8.1-7 2.9.1-3 2.10.1-4
3.1.1 3.2.1-4 3.3.1-4 3.4.1-5 3.5.1-3 3.7.1
4.1.1-3 4.1.5 4.2.1-2 4.3.1-3
5.1.1-5 5.2.1-8 5.3.1-10 5.4.1-3 5.5.1-4
6.1.1-3 6.2.1-6 6.3.1-2 6.4.1-2
7.1.1-4 7.2.1-2 7.3.1 7.3.3-4 7.4.1-3
8.1.1-4 8.2.1-3 8.3.1-8
9.1.1-3 9.2.1-4 10.2.1-2 10.3.1-3 11.1.1-8
12.1.1-3 12.2.1 12.3.1-6 12.4.1-2 12.5.1-2 12.6.1
13.1.1 13.1.3-5 13.2.1-3 13.2.5-6 13.3.1-2 13.4.1-2
14.1.1-4 14.2.1-6 14.3.2-3 14.4.1-7 14.5.1-4"""
"""Every requirement of levels 1 and 2 of ASVS 4.0.3, by its number, the last part as a range; typed from the standard, which has 259:
286 numbers without 19 of level 3 alone and 8 that are deleted."""


def spread(text: str) -> list[str]:
    """["1.1.1", "1.1.2", …] of "1.1.1-7", and of "1.1.1–1.1.7" as the page writes it."""
    found = []
    for part in re.split(r"[,\s]+", text.strip()):
        first, _, last = part.replace("–", "-").partition("-")
        chapter, _, number = first.rpartition(".")
        end = int(last.rpartition(".")[2]) if last else int(number)
        found += [f"{chapter}.{n}" for n in range(int(number), end + 1)]
    return found


def rows(text: str) -> list[dict[str, str]]:
    return [{k: v.strip() for k, v in found.groupdict().items()} for line in text.splitlines() if (found := ROW.match(line))]


@cache
def page() -> str:
    return (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))


def faults(row: dict[str, str]) -> list[str]:
    wrong = [] if row["word"] in WORDS else [f"{row['word']} is none of {', '.join(sorted(WORDS))}"]
    if row["word"] == "met" and not row["test"]:
        wrong.append("is met, and no test shows it")
    if row["word"] in ("partly", "not met") and len(row["how"]) < 10:
        wrong.append("does not say what is missing")
    if row["test"]:
        path, _, name = row["test"].partition("::")
        if not (ROOT / "tests" / path).is_file() or name not in names_in(path):
            wrong.append(f"{row['test']} does not exist")
    return [f"{row['ids']}: {what}" for what in wrong]


def test_every_requirement_of_levels_1_and_2_stands_in_the_table_once() -> None:
    found = [id for row in rows(page()) for id in spread(row["ids"])]
    assert len(spread(REQUIRED)) == len(set(spread(REQUIRED))) == 259
    assert sorted(found) == sorted(set(found)), "a requirement stands twice"
    assert set(spread(REQUIRED)) - set(found) == set()
    assert set(found) - set(spread(REQUIRED)) == set()
    table_lines = [line for line in page().splitlines() if re.match(r"^\| [0-9]", line)]
    assert len(table_lines) == len(rows(page())), "a line of the table cannot be read"


def test_every_named_test_exists_and_nothing_is_called_met_without_one() -> None:
    assert [fault for row in rows(page()) for fault in faults(row)] == []


@pytest.mark.parametrize(("line", "said"), [
    ("| 1.1.1 | a | met | b | |", "no test shows it"), ("| 1.1.1 | a | met | b | contract/test_bus.py::test_nothing |", "does not exist"),
    ("| 1.1.1 | a | done | b | |", "is none of"), ("| 1.1.1 | a | not met | b | |", "does not say what is missing"),
    ("| 1.1.1 | a | operator | b | nowhere/test_it.py::test_it |", "does not exist"),
])
def test_a_line_that_claims_too_much_is_found(line: str, said: str) -> None:
    assert said in "; ".join(faults(rows(line)[0]))
