# SPDX-License-Identifier: MPL-2.0
"""A pinned package with a known weakness and a committed secret are both found, and an advisory service that is away is told
apart from packages that are sound."""
from __future__ import annotations

import base64
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.test_house_rules import files
from tests.support import secret_scan
from tests.support.advisories import LOCKS, ROOT, main, pinned
from tests.support.process import free_ports


@contextmanager
def a_service(answer: Callable[[dict[str, Any]], bytes]) -> Iterator[str]:
    """An advisory service on the loopback. Its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def nothing_known(question: dict[str, Any]) -> bytes:
    return json.dumps({"results": [{} for _ in question["queries"]]}).encode()


def flask_is_weak(question: dict[str, Any]) -> bytes:
    return json.dumps({"results": [{"vulns": [{"id": "GHSA-made-up"}]} if one["package"]["name"] == "flask" else {} for one in question["queries"]]}).encode()


def test_every_pinned_package_is_asked_for_with_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[dict[str, Any]] = []
    with a_service(lambda question: (seen.extend(question["queries"]), nothing_known(question))[1]) as service:
        assert main(["--service", service]) == 0
    packages = pinned(*(ROOT / name for name in LOCKS))
    assert {one["package"]["name"]: one["version"] for one in seen} == packages and {"flask", "sqlalchemy", "kafka-python", "pytest"} <= set(packages)
    assert capsys.readouterr().out == f"{len(packages)} pinned packages audited, 0 with known weaknesses\n"


def test_a_weak_package_fails_and_is_named_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    with a_service(flask_is_weak) as service:
        assert main(["--service", service]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("flask ") and "GHSA-made-up" in first and "make lock LOCK_FLAGS='--upgrade-package flask'" in first
    assert last.endswith(" 1 with known weaknesses")


@pytest.mark.parametrize("said", [b"<html>a proxy's page</html>", b'{"results": []}', b"[]", b'{"results": null}'])
def test_an_answer_that_is_none_clears_nothing(said: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with a_service(lambda _question: said) as service:
        assert main(["--service", service]) == 0
    assert capsys.readouterr().out.startswith("NOT AUDITED: the advisories cannot be had")


def test_a_service_that_is_away_fails_nothing_and_says_that_nothing_was_audited(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--service", f"http://127.0.0.1:{free_ports(1)[0]}/"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("NOT AUDITED") and "neither cleared nor accused" in said and "with known weaknesses" not in said


def test_no_secret_is_committed() -> None:
    assert secret_scan.scan(files()) == []


def test_what_is_allowed_is_there_and_needs_to_be_allowed() -> None:
    for name in secret_scan.ALLOWED:
        assert list(secret_scan.secrets_in(name, (ROOT / name).read_text())), f"{name} holds nothing that looks like a secret; take it off the list"


def planted() -> dict[str, str]:
    """Each made here, so that this file holds none."""
    rng = random.Random(2004)
    key, hexes = base64.b64encode(rng.randbytes(32)).decode(), rng.randbytes(6).hex()
    word = base64.urlsafe_b64encode(rng.randbytes(36)).decode()
    return {
        "private key": "-----BEGIN EC PRIVATE " + "KEY-----", "AWS key": "AK" + "IA" + "ABCDEFGHIJKLMNOP", "GitHub token": "gh" + "p_" + "a1" * 18,
        "GitLab token": "glp" + "at-" + "a1" * 12, "Slack token": "xo" + "xb-" + "123456789012", "signed token": ".".join(["ey" + "J" + word[:20], word[:30], word[:30]]),
        "partner key": f"jt_{hexes}_{word[:43]}", "URL with a password": "postgresql://referral:" + word[:12] + "@host/db", "named secret": 'password = "' + word[:30] + '"',
        "a random word": f"JOBTRAPPEN_CPR_KEYS: 2026a={key}",
    }


@pytest.mark.parametrize("what", planted())
def test_a_planted_secret_is_found_by_line_and_not_repeated(tmp_path: Path, what: str) -> None:
    secret = planted()[what]
    path = tmp_path / "settings.yml"
    path.write_text(f"# a comment\nvalue: 1\n{secret}\n")
    found = secret_scan.scan(iter([("settings.yml", path)]))
    assert any(line.startswith(f"settings.yml:3: {what}") for line in found), found
    assert not any(word in line for line in found for word in secret.split() if len(word) > 20)


def test_hardly_a_random_key_of_32_bytes_escapes() -> None:
    rng = random.Random(2004)
    keys = [form(rng.randbytes(32)).decode() for form in (base64.b64encode, base64.urlsafe_b64encode) for _ in range(500)]
    assert sum(not list(secret_scan.secrets_in("x", f"NAME={key}")) for key in keys) <= 10


def test_what_only_looks_random_is_no_secret() -> None:
    harmless = ["--hash=sha256:" + "ab" * 32, "01a20b93-9dcb-788a-9fdc-ef347621af85", "test_a_repeated_command_is_answered_across_a_change_of_the_secret",
                "services/referral/jobtrappen_referral/migrations/versions/0003_keys_and_limits", "postgresql+psycopg://user:{password}@host/database", "A" * 64]
    assert [list(secret_scan.secrets_in("x", line)) for line in harmless] == [[]] * len(harmless)
