# SPDX-License-Identifier: MPL-2.0
"""Every key of a running service is changed by the steps of docs/operations.md, while caseworkers and another service work:
nobody is turned away, nothing is answered twice, and in the end the older keys open nothing."""
from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from jobtrappen.auth import DEMO_USERS, Signer
from jobtrappen.config import Settings
from tests.security.test_keys_are_changed import NEW, OLD, A, B, X, Y, a_number
from tests.support.process import free_ports, tail, wait_until


@dataclass
class Installation:
    """Referral's web process with its secrets in files, as a supervisor would run it."""

    folder: Path
    port: int = field(default_factory=lambda: free_ports(1)[0])

    def write(self, secret: str, cpr: str, lookup: str) -> None:
        for name, text in (("secret", secret), ("cpr_keys", cpr), ("lookup_keys", lookup)):
            (self.folder / f"{name}.new").write_text(text)
            (self.folder / f"{name}.new").replace(self.folder / name)  # whoever reads it meanwhile finds it whole

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("JOBTRAPPEN_")}
        files = {f"JOBTRAPPEN_{name.upper()}_FILE": str(self.folder / name) for name in ("secret", "cpr_keys", "lookup_keys")}
        return {**own, **files, "JOBTRAPPEN_HOME": str(self.folder), "JOBTRAPPEN_PLUGINS": "referral", "JOBTRAPPEN_BIND": f"127.0.0.1:{self.port}"}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "jobtrappen", *arguments], env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=120)

    def signer(self) -> Signer:
        """Another service's, with the secrets that the files hold now."""
        secret, *older = (self.folder / "secret").read_text().split("\n")
        return Signer(Settings(home=self.folder, database="", bus="", secret=secret, older_secrets=tuple(older), mode="demo"))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Installation, subprocess.Popen[bytes]]]:
    made = Installation(tmp_path)
    made.write(OLD, f"a={A}", f"x={X}")
    done = made.run("migrate", "referral")
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "log", "ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "jobtrappen", "serve", "referral"], env=made.environment, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True)
    wait_until(lambda: _healthy(made.port), 30, f"the web process: {tail(tmp_path / 'log')}")
    yield made, process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _healthy(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def workers_of(process: subprocess.Popen[bytes]) -> set[int]:
    return {int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()}


class Traffic(threading.Thread):
    """One caseworker: opens cases, finds them by number, repeats commands, tries a number twice; and another service asks."""

    def __init__(self, made: Installation, seed: int) -> None:
        super().__init__(daemon=True)
        self.made, self.rng, self.seed = made, random.Random(seed), seed
        self.base, self.http = f"http://127.0.0.1:{made.port}/v1", requests.Session()
        self.token = made.signer().staff(DEMO_USERS["karen"])
        self.cases: list[tuple[str, str, str, bytes]] = []
        self.rounds, self.over, self.wrong = 0, threading.Event(), ""
        self.first = 0
        """The first of its cases that it still repeats."""

    def run(self) -> None:
        while not self.over.is_set() and not self.wrong:
            try:
                self.once()
                self.rounds += 1
            except Exception as error:
                self.wrong = repr(error)

    def once(self) -> None:
        number, key = a_number(self.seed * 3000 + self.rounds), str(uuid.uuid4())
        answer = self.send("/cases", self.case(number), key)
        assert answer.status_code == 201, answer.text
        self.cases.append((answer.json()["id"], number, key, answer.content))
        case, number, key, content = self.rng.choice(self.cases[min(self.first, len(self.cases) - 1):])
        found = self.send("/cases/find", {"cpr": number}, str(uuid.uuid4()))
        assert (found.status_code, found.json().get("id")) == (200, case), found.text
        again = self.send("/cases", self.case(number), key)
        assert (again.status_code, again.content, again.headers.get("Idempotent-Replay")) == (201, content, "true"), again.text
        twice = self.send("/cases", self.case(number), str(uuid.uuid4()))
        assert (twice.status_code, twice.json().get("case_id")) == (409, case), twice.text
        asked = self.again(lambda: self.http.get(f"{self.base}/people", params={"ids": case}, timeout=60,
                                                 headers={"Authorization": f"Bearer {self.made.signer().service('matching')}"}))
        assert asked.status_code == 200 and [p["case_id"] for p in asked.json()["items"]] == [case], (asked.status_code, asked.text)

    def case(self, number: str) -> dict[str, str]:
        return {"given_name": "Amina", "family_name": "Fiktiv", "track": "adult", "cpr": number, "effective_date": "2026-01-05"}

    def send(self, path: str, body: dict[str, str], key: str) -> requests.Response:
        return self.again(lambda: self.http.post(f"{self.base}{path}", json=body, timeout=60, headers={
            "Authorization": f"Bearer {self.token}", "Idempotency-Key": key}))

    def again(self, call) -> requests.Response:  # type: ignore[no-untyped-def]
        """A kept-alive connection may be closed by the server just as it is used."""
        for _ in range(5):
            try:
                return call()
            except requests.RequestException:
                continue
        return call()


def test_all_keys_are_changed_while_the_service_works(running: tuple[Installation, subprocess.Popen[bytes]]) -> None:
    made, process = running
    traffic = [Traffic(made, seed) for seed in (0, 1)]
    for each in traffic:
        each.start()

    def works() -> None:
        """Some more rounds of each."""
        began = [each.rounds for each in traffic]
        wait_until(lambda: any(t.wrong for t in traffic) or all(t.rounds >= n + 8 for t, n in zip(traffic, began, strict=True)), 60, "traffic")
        assert [t.wrong for t in traffic] == ["", ""]

    def reload() -> None:
        """SIGHUP: gunicorn starts workers that read the files anew, and lets the others end what they have begun."""
        before = workers_of(process)
        os.kill(process.pid, signal.SIGHUP)
        wait_until(lambda: (now := workers_of(process)) and not now & before, 60, "new workers")  # type: ignore[arg-type, return-value]

    works()
    made.write(f"{OLD}\n{NEW}", f"a={A},b={B}", f"x={X},y={Y}")  # known everywhere before it is used anywhere
    reload()
    works()
    made.write(f"{NEW}\n{OLD}", f"b={B},a={A}", f"y={Y},x={X}")
    reload()
    works()
    status = made.run("keys", "status", "referral")
    assert status.returncode == 1 and "citizen.person_sealed" in status.stdout and "run `jobtrappen keys reseal referral`" in status.stdout
    assert "look-up of CPR numbers" in status.stdout and "stored answers" in status.stdout
    resealed = made.run("keys", "reseal", "referral", "--chunk", "10")
    assert resealed.returncode == 0, resealed.stderr
    assert int(resealed.stdout.split(": ")[1].split()[0]) > 50
    status = made.run("keys", "status", "referral")
    assert (status.returncode, status.stdout) == (0, "referral: seals with b; also opens a, derived-" + status.stdout.split("derived-", 1)[1])
    assert status.stdout.endswith("referral: nothing needs an older key\n")
    for each in traffic:
        # A day later: demo tokens of the older secret have run out, and nobody repeats a command that was sent under it; the
        # stored answer could be opened, but the hash of the body goes with the secret.
        each.token, each.first = made.signer().staff(DEMO_USERS["karen"]), len(each.cases)
    works()
    old_token = Signer(Settings(home=made.folder, database="", bus="", secret=OLD, mode="demo")).staff(DEMO_USERS["karen"])
    made.write(NEW, f"b={B}", f"y={Y}")
    reload()
    for each in traffic:
        for case, number, _key, _content in each.cases[:3]:
            found = each.send("/cases/find", {"cpr": number}, str(uuid.uuid4()))
            assert (found.status_code, found.json().get("id")) == (200, case)
    works()
    for each in traffic:
        each.over.set()
    for each in traffic:
        each.join(60)
    assert [t.wrong for t in traffic] == ["", ""]
    assert requests.get(f"http://127.0.0.1:{made.port}/v1/cases", headers={"Authorization": f"Bearer {old_token}"}, timeout=60).status_code == 401
    with sqlite3.connect(made.folder / "referral.db") as database:
        assert database.execute("SELECT DISTINCT cpr_key_id, substr(person_sealed, 1, 2) FROM citizen").fetchall() == [("b", "b:")]
        opened = database.execute("SELECT count(*), count(DISTINCT cpr_lookup) FROM citizen").fetchone()
    assert opened == (sum(t.rounds for t in traffic),) * 2, "one case for each number, whatever was repeated"
