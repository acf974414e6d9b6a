# SPDX-License-Identifier: MPL-2.0
"""The demo's loader over a world inside this process: the same commands through the same WSGI apps, without sockets, so
that many random cohorts can be loaded in seconds."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobtrappen import plugins
from jobtrappen.demo.client import DemoFailed, Session, Thing
from jobtrappen.demo.life import Person
from jobtrappen.demo.loader import LOG_INS, Life, build_town
from jobtrappen.demo.people import employers
from tests.support.world import World

COMPUTED_BY = {1: "followup", 2: "followup", 3: "referral", 4: "referral", 5: "followup", 6: "referral"}


class InProcessSession(Session):
    """`wait_for` turns relays and consumers instead of waiting."""

    def __init__(self, world: World, seed: str) -> None:
        super().__init__({}, {name: name for name in LOG_INS}, seed)
        self.world = world

    def get(self, who: str, service: str, path: str, **params: Any) -> Any:
        answer = self.world.client(service, self.tokens[who]).get(path, **params)
        if answer.status not in (200, 404):
            raise DemoFailed(f"GET {service} {path}: {answer.status} {answer.text[:300]}")
        return answer.json if answer.status == 200 else None

    def wait_for(self, what: str, look: Any) -> Any:
        found = look()
        if not found:
            self.world.settle()
            found = look()
        if not found:
            raise DemoFailed(f"settled, and still no {what}")
        return found

    def post(self, who: str, service: str, path: str, body: Any, *, name: str, on: Thing | None = None, content_type: str = "application/json") -> Thing:
        client = self.world.client(service, self.tokens[who])
        given: dict[str, Any] = {"raw": body} if isinstance(body, bytes) else {"body": body}
        for attempt in range(4):
            answer = client.post(path, key=self.key(service, path, name), etag=on.etag if on else None, content_type=content_type, **given)
            if answer.status in (200, 201):
                return Thing(answer.json, answer.headers.get("ETag", ""))
            if answer.status == 412 and on is not None:
                on.etag = f'"{answer.json["version"]}"'
            elif answer.status in (404, 409) and attempt < 2:
                self.world.settle()
            else:
                break
        raise DemoFailed(f"POST {service} {path} ({name}): {answer.status} {answer.text[:500]}")


def live(world: World, cohort: Sequence[Person], seed: str, employer_seed: int = 2004) -> InProcessSession:
    """Load a cohort, settle. Returns: the session, for reading reports."""
    session = InProcessSession(world, seed)
    town = build_town(session, cohort, employers(employer_seed), threads=1)
    for person in cohort:
        Life(session, town, person).live()
    world.settle()
    return session


def tables(session: InProcessSession, as_of: str) -> dict[int, dict[str, int]]:
    """{table number: {key: value}} without rows of zero, as the suite computes them."""
    found = {}
    for number, service in COMPUTED_BY.items():
        rows = session.get("lone", service, f"/reports/table-{number}", as_of=as_of)["rows"]
        found[number] = {r["key"]: r["value"] for r in rows if r["value"]}
    return found


def with_statistics(monkeypatch: Any, home: Path) -> None:
    """Allow the statistic of origin for this test's world."""
    monkeypatch.setenv("JOBTRAPPEN_PLUGINS", "referral,matching,followup,partners,origin_statistic")
    plugins.manager()
    home.mkdir(exist_ok=True)
