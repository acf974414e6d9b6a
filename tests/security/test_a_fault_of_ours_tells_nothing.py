# SPDX-License-Identifier: MPL-2.0
"""What nobody foresaw is answered 500 with an id to ask by and nothing else; the operator finds the whole of it under that id.
A real service in a process of its own, with a plugin from outside that fails and a row that somebody spoilt."""
from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
import requests

from tests.integration.test_the_command_line import Home
from tests.support.process import answers, free_ports, wait_until

INNER = "Amina Fiktiv of /srv/elsewhere/secret.key"
"""What stands in the error of the plugin."""
PLUGIN = f'''
from sqlalchemy import text

from jobtrappen import plugins
from jobtrappen.web.reports import Report


def raises(tx, as_of):
    raise RuntimeError("{INNER}")


def asks_wrongly(tx, as_of):
    return dict(tx.session.execute(text("SELECT person_sealed, cpr_sealed FROM citizen WHERE id = :nobody_gave_it")).all())


@plugins.hookimpl
def report():
    return [Report(call.__name__, "referral", "From outside", {{}}, call) for call in (raises, asks_wrongly)]
'''


@dataclass
class Broken:
    """The service at `url` and what leads to each fault: {what: path}."""

    home: Home
    url: str
    token: str
    paths: dict[str, str]

    def get(self, path: str, request_id: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", headers={"Authorization": f"Bearer {self.token}", "X-Request-Id": request_id}, timeout=60)

    def counted(self) -> float:
        """Answers 500 so far, by the service's own count."""
        page = requests.get(f"{self.url}/metrics", timeout=60).text
        return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith("jobtrappen_http_requests_total") and 'status="500"' in line)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    folder = tmp_path_factory.mktemp("broken")
    (folder / "elsewhere.py").write_text(PLUGIN)
    described = folder / "elsewhere-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[jobtrappen]\nelsewhere = elsewhere\n")
    home = Home(folder, {"PYTHONPATH": str(folder), "JOBTRAPPEN_PLUGINS": "referral,elsewhere"})
    done = home.run("migrate", "referral")
    assert done.returncode == 0, done.stderr
    [port] = free_ports(1)
    with home.running("serve", "referral", BIND=f"127.0.0.1:{port}"):
        wait_until(lambda: answers(port), 60, "the service")
        made = Broken(home, f"http://127.0.0.1:{port}", "", {"a report that raises": "/v1/reports/raises?as_of=2020-01-01", "a report that asks wrongly": "/v1/reports/asks_wrongly?as_of=2020-01-01"})
        made.token = requests.post(f"{made.url}/v1/sign-in", json={"username": "mehmet", "password": "mehmet"}, timeout=60).json()["token"]
        made.paths["a row that somebody spoilt"] = f"/v1/assessments/{a_spoilt_assessment(made)}"
        yield made


def a_spoilt_assessment(broken: Broken) -> str:
    def command(path: str, **body: object) -> str:
        answer = requests.post(f"{broken.url}/v1{path}", json=body, timeout=60, headers={"Authorization": f"Bearer {broken.token}", "Idempotency-Key": str(uuid.uuid4())})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    case = command("/cases", given_name="Amina", family_name="Fiktiv", track="adult")
    id = command("/assessments", case_id=case, education="basic", stable_attendance="stable", months_away=4, experience_years=3)
    with closing(sqlite3.connect(broken.home.folder / "referral.db")) as database, database:
        assert database.execute("UPDATE assessment SET reasons = '{no json'").rowcount == 1
    return id


@pytest.mark.parametrize(("what", "kind", "words"), [
    ("a report that raises", "RuntimeError", (INNER, "secret.key")), ("a report that asks wrongly", "StatementError", ("SELECT", "person_sealed", "nobody_gave_it")),
    ("a row that somebody spoilt", "JSONDecodeError", ("no json", "reasons")),
])
def test_it_is_a_500_with_an_id_alone_and_the_whole_of_it_is_in_the_log(broken: Broken, what: str, kind: str, words: tuple[str, ...]) -> None:
    before, asked_as = broken.counted(), str(uuid.uuid4())
    answer = broken.get(broken.paths[what], asked_as)
    assert (answer.status_code, answer.headers["Content-Type"], answer.headers["X-Request-Id"]) == (500, "application/problem+json", asked_as)
    assert answer.json() == {"type": "urn:jobtrappen:problem:bug", "title": "A fault of ours", "status": 500, "instance": f"urn:jobtrappen:request:{asked_as}",
                             "detail": "Nothing was changed. Tell the operator the instance below."}
    said = f"{answer.headers}{answer.text}"
    assert [word for word in (*words, kind, "Traceback", ".py", str(broken.home.folder), "sqlite") if word in said] == []
    lines = [json.loads(line) for line in broken.home.log.splitlines() if asked_as in line]
    assert [(line["event"], line.get("kind"), line.get("status")) for line in lines] == [("bug", kind, None), ("request", None, 500)]
    assert "Traceback" in lines[0]["exception"] and lines[0]["route"] == lines[1]["route"]
    assert broken.counted() == before + 1


def test_the_service_goes_on(broken: Broken) -> None:
    assert broken.get("/v1/cases", "after-it").status_code == 200
    assert broken.get("/v1/reports/table-6?as_of=2020-01-01", "after-it").status_code == 200
