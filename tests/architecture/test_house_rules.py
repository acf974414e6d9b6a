# SPDX-License-Identifier: MPL-2.0
"""What holds in every file: a licence line, no place or host that is somebody's own, nothing left half done, and the right
size to be read."""
from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES = 330
LICENCE = "# SPDX-License-Identifier: MPL-2.0"
IN_CONTAINERS = {"Dockerfile", "docker-compose.yml", "deploy/proxy/nginx.conf"}
"""They speak of paths inside a container."""
# Written apart, so that this file does not find itself.
HALF_DONE = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
INDEXES = re.compile(r"py" r"pi\.org|python" r"hosted\.org|npm" r"js\.(org|com)|repo1?\.maven|maven\.apache\.org/repo|gh" r"cr\.io|docker\." r"io|quay\." r"io|"
                     r"(?:index|extra-index|find-links)[_-]?(?:url)?\s*[=:]\s*https?:|artifact" r"ory|nex" r"us\.")
PLACES = re.compile(r"(?<![\w.}$/-])/(work|root|tmp|home|Users)/")


def files() -> Iterator[tuple[str, Path]]:
    """(path, file) of what is or would be committed."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name]
    else:  # an archive without its history
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if not any(part.startswith(".") or part.endswith(".egg-info") or part == "__pycache__"
                                                                                for part in path.relative_to(ROOT).parts)]
    yield from ((name, ROOT / name) for name in sorted(set(names)) if (ROOT / name).is_file())


def text_of(path: Path) -> str:
    """The text; "" of a file that is none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def lines_with(pattern: re.Pattern[str], names: Iterator[tuple[str, Path]]) -> list[str]:
    return [f"{name}:{number}: {line.strip()[:100]}" for name, path in names for number, line in enumerate(text_of(path).splitlines(), start=1) if pattern.search(line)]


def product(name: str) -> bool:
    return not name.startswith("tests/") and name not in IN_CONTAINERS


def test_every_module_says_its_licence_in_the_first_line() -> None:
    found = {name: text_of(path).splitlines()[0] for name, path in files() if path.suffix == ".py" and text_of(path)}
    assert len(found) > 100
    assert [name for name, first in found.items() if first != LICENCE] == []


def test_nothing_is_left_half_done() -> None:
    assert lines_with(HALF_DONE, files()) == []


def test_no_product_file_knows_a_place_on_somebodys_machine() -> None:
    assert lines_with(PLACES, ((name, path) for name, path in files() if product(name))) == []


def test_nothing_that_is_committed_names_a_package_index() -> None:
    assert lines_with(INDEXES, files()) == []


def test_modules_have_the_size_that_can_be_read() -> None:
    """Migrations are generated; a test file is a list of stories, each read for itself."""
    sizes = {name: len(text_of(path).splitlines()) for name, path in files()
             if path.suffix == ".py" and product(name) and "/migrations/versions/" not in name}
    assert {name: size for name, size in sizes.items() if size > LINES} == {}


def test_the_locks_pin_every_package_by_hash_and_the_test_lock_has_the_same_versions() -> None:
    found = {}
    for name in ("requirements.lock", "requirements-dev.lock"):
        blocks = re.findall(r"(?m)^([a-z0-9._-]+)==(\S+)((?:[^\n]*\\\n)*[^\n]*)$", (ROOT / name).read_text())
        assert len(blocks) > 30 and all("--hash=sha256:" in rest for _package, _version, rest in blocks)
        found[name] = {package: version for package, version, _rest in blocks}
    run, dev = found.values()
    assert run.items() <= dev.items()
    assert not {package for package in dev if package.startswith("jobtrappen")}


def test_every_direct_dependency_is_locked() -> None:
    locked = set(re.findall(r"(?m)^([a-z0-9._-]+)==", (ROOT / "requirements-dev.lock").read_text()))
    root = tomllib.loads((ROOT / "pyproject.toml").read_text())
    kit = tomllib.loads((ROOT / "shared/pyproject.toml").read_text())["project"]
    wanted = [*kit["dependencies"], *(one for extra in kit["optional-dependencies"].values() for one in extra), *(one for group in root["dependency-groups"].values() for one in group)]
    names = {re.split(r"[\[<>=~!; ]", one)[0].lower().replace("_", "-") for one in wanted}
    assert names <= locked, names - locked


def test_each_rule_sees_what_it_is_for(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("# TO" "DO: later\nhome = '/ro" "ot/x'\n# --index-url https://py" "pi.org/simple\n")
    given = [("bad.py", bad)]
    assert [lines_with(rule, iter(given))[0].split(":")[1] for rule in (HALF_DONE, PLACES, INDEXES)] == ["1", "2", "3"]
