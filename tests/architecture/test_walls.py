# SPDX-License-Identifier: MPL-2.0
"""The walls between the rooms. Who imports whom is held by import-linter (pyproject.toml); who writes and who sees a request
is read from the code itself.
"""
from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("referral", "matching", "followup", "partners")
KIT = ROOT / "shared" / "jobtrappen"

WRITERS = {"usecases", "effects", "reactions"}
HELPERS = {"followup.duties", "partners.notices", "referral.persons"}
"""What two of the writers share; nobody else may call them to write."""
KIT_WRITERS = {"tx", "lifecycle", "idempotency", "audit", "auth", "people", "relay", "consumer", "inbox", "parking", "heartbeat", "migrate", "watch", "reseal", "limits",
               "rebuild", "republish", "restore", "dead", "web.pages.session", "web.pages.drafts"}
SQL = re.compile(r"\s*(INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b", re.IGNORECASE)
STATEMENTS = {"insert", "update", "delete"}


def modules(folder: Path) -> Iterator[tuple[str, Path]]:
    """(dotted name below the folder, file) of everything but migrations."""
    for path in sorted(folder.rglob("*.py")):
        if "migrations" not in path.parts:
            yield ".".join(path.relative_to(folder).with_suffix("").parts), path


def folder_of(service: str) -> Path:
    return ROOT / "services" / service / f"jobtrappen_{service}"


def called(node: ast.Call) -> tuple[str, str]:
    """("tx.session", "add") of `tx.session.add(…)`, ("", "insert") of `insert(…)`."""
    if isinstance(node.func, ast.Attribute):
        return ast.unparse(node.func.value), node.func.attr
    return "", node.func.id if isinstance(node.func, ast.Name) else ""


def imported_statements(tree: ast.AST) -> set[str]:
    """The local names of SQLAlchemy's insert, update and delete."""
    return {name.asname or name.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
            for name in node.names if name.name in STATEMENTS}


def writes(text: str) -> list[str]:
    """Every call that adds, changes or deletes a row: through the session, through Tx, or as a statement."""
    tree = ast.parse(text)
    statements = imported_statements(tree)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            owner, name = called(node)
            through_session = owner.split(".")[-1] == "session" and name in ("add", "add_all", "merge", "delete", "bulk_save_objects")
            if through_session or (owner == "tx" and name in ("add", "says", "tell", "delete")) or (not owner and name in statements) \
                    or (owner in ("sa", "sqlalchemy") and name in STATEMENTS):
                found.append(f"line {node.lineno}: {ast.unparse(node.func)}")
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            found.append(f"line {node.lineno}: {node.value[:20]}")
    return found


def imports(text: str, package: str) -> list[int]:
    """The lines on which a top-level package is imported, also inside functions."""
    lines = []
    for node in ast.walk(ast.parse(text)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        lines += [node.lineno for name in names if name.split(".")[0] == package]
    return lines


def test_nobody_imports_through_a_wall() -> None:
    done = subprocess.run([Path(sys.executable).parent / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 kept, 0 broken" in done.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_only_use_cases_effects_and_reactions_write(service: str) -> None:
    found = {name: lines for name, path in modules(folder_of(service)) if (lines := writes(path.read_text()))}
    outside = {name: lines for name, lines in found.items() if name.split(".")[0] not in WRITERS and f"{service}.{name}" not in HELPERS}
    assert outside == {}
    assert set(found) - set(outside), "nothing writes: does this test still see?"


def test_the_writers_helpers_write_and_nobody_else_calls_them_to() -> None:
    for helper in HELPERS:
        service, name = helper.split(".")
        text = (folder_of(service) / f"{name}.py").read_text()
        assert writes(text), f"{helper} no longer writes; take it off the list"
        made_by = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef) and writes(ast.unparse(node))}
        for other, path in modules(folder_of(service)):
            calls = {attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) for owner, attr in [called(node)] if owner == name}
            # plans.py is data and arithmetic for the effects, and puts its rows through duties.
            assert other.split(".")[0] in WRITERS | {name, "plans"} or not calls & made_by, f"{other} writes through {name}"


def test_in_the_kit_only_the_named_rooms_write() -> None:
    """The embedded bus is a broker with a file of its own, and no room of a service's database."""
    found = {name.removesuffix(".__init__") for name, path in modules(KIT) if not name.startswith(("demo", "bus.")) and writes(path.read_text())}
    assert found <= KIT_WRITERS, found - KIT_WRITERS


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_ways_in_see_flask(service: str) -> None:
    seen = {name.split(".")[0]: lines for name, path in modules(folder_of(service)) if (lines := imports(path.read_text(), "flask"))}
    assert set(seen) <= {"api", "pages"}, seen


def test_in_the_kit_only_the_web_sees_flask() -> None:
    seen = {name.split(".")[0] for name, path in modules(KIT) if imports(path.read_text(), "flask") or imports(path.read_text(), "werkzeug")}
    assert seen == {"web"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_reader_who_knows_one_service_knows_all_four(service: str) -> None:
    for name in ("app", "api", "schemas", "usecases", "effects", "model", "events", "reactions", "queries", "rights"):
        assert (folder_of(service) / f"{name}.py").is_file() or (folder_of(service) / name / "__init__.py").is_file(), name
    assert list((folder_of(service) / "migrations" / "versions").glob("0001_*.py"))


@pytest.mark.parametrize(("text", "line"), [
    ("def f(tx):\n    tx.add(Thing())", "line 2: tx.add"),
    ("def f(tx):\n    tx.session.add(Thing())", "line 2: tx.session.add"),
    ("from sqlalchemy import update as change\ntx.session.execute(change(Thing))", "line 2: change"),
    ("import sqlalchemy as sa\nsession.execute(sa.delete(Thing))", "line 2: sa.delete"),
    ("session.execute(text('delete from thing'))", "line 1: delete from thing"),
])
def test_a_write_is_seen_in_every_form(text: str, line: str) -> None:
    assert writes(text) == [line]


@pytest.mark.parametrize("text", ["known = set()\nknown.add(1)", "headers.update({})", "hashlib.new('x').update(b'')", "'Update the case first.'.upper()"])
def test_what_is_no_write_is_not_taken_for_one(text: str) -> None:
    assert writes(text) == []
