# SPDX-License-Identifier: MPL-2.0
"""What would make input into code, commands, files or SQL does not stand where a request is answered."""
from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
CALLS = {"eval", "exec", "compile", "__import__", "open", "system", "popen", "execvp", "spawn", "loads_pickle", "render_template", "render_template_string", "send_file"}
MODULES = {"pickle", "marshal", "shelve", "subprocess", "jinja2", "xml", "lxml", "yaml", "ctypes", "ldap3", "graphene"}

AT_START = {"server.py"}
"""It prepares the web server's processes, before any request."""


def faults(text: str) -> list[str]:
    """Calls and imports that are not allowed, and SQL put together from pieces."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
            owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            harmless = (name, owner) == ("compile", "re") or (name == "open" and owner.endswith("vault")) or (name == "system" and owner != "os")
            if name in CALLS and not harmless:
                found.append(f"{node.lineno}: {name}(…)")
            if name in ("text", "exec_driver_sql") and node.args and not isinstance(node.args[0], ast.Constant):
                found.append(f"{node.lineno}: SQL that is not one constant")
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [f"{node.lineno}: imports {name}" for name in names if name.split(".")[0] in MODULES]  # type: ignore[attr-defined]
    return found


def answering() -> list[Path]:
    """The kit's web, and the services with all that their requests reach."""
    services = [path for path in (ROOT / "services").glob("*/jobtrappen_*/**/*.py") if "migrations" not in path.parts]
    return [*(p for p in (ROOT / "shared" / "jobtrappen" / "web").glob("*.py") if p.name not in AT_START), *services]


def test_no_request_is_answered_by_evaluating_running_or_opening_what_it_names() -> None:
    found = {str(path.relative_to(ROOT)): faults(path.read_text(encoding="utf-8")) for path in answering()}
    assert len(found) > 50
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_each_of_them_would_be_found() -> None:
    for bad in ("eval(x)", "import pickle", "from subprocess import run", "open(name)", "os.system(x)", "text(f'SELECT {x}')", "connection.exec_driver_sql(a + b)",
                "flask.render_template_string(x)", "from xml.etree import ElementTree"):
        assert faults(bad), bad
    for good in ("text('SELECT 1')", "vault.open(a, b, c)", "re.compile('a')", "import json"):
        assert not faults(good), good
