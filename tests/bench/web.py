# SPDX-License-Identifier: MPL-2.0
"""POST of a referral with everything (sign-in, rights, idempotency, If-Match, lifecycle, transition, audit, stream, outbox)
against bare Flask with one ORM row; the same gunicorn settings, PostgreSQL, clients and commit."""
from __future__ import annotations

import json
import uuid
from datetime import date, timedelta
from functools import partial

from sqlalchemy import text

from jobtrappen.auth import DEMO_USERS
from tests.bench.load import Told, fire, request
from tests.bench.place import Place
from tests.bench.rounds import Bench, Ratio, alternate, compare, percentile, wait_for
from tests.support.process import answers, free_ports

CONNECTIONS = 8
GUNICORN = ("--workers", "1", "--threads", "4", "--worker-class", "gthread", "--no-control-socket", "--graceful-timeout", "20", "--log-level", "warning")
"""What `jobtrappen serve` gives gunicorn."""
GOAL = 0.75
PERSON = {"track": "adult", "source": "form"}
SEND = {"target_unit": "jobkonsulenterne", "purpose": "job", "legal_basis": "lab"}
DRAFTS = text("INSERT INTO referral (id, case_id, status, version, effective_date, track, source, from_unit)"
              " VALUES (:id, :case_id, 'draft', 1, :day, 'adult', 'form', 'lokalcenter')")
CITIZENS = text("INSERT INTO citizen (id, case_id, status, version, effective_date, kind, track, person_sealed, profile_version, protected, language_school)"
                " VALUES (:id, :id, 'open', 1, :day, 'abroad', 'adult', '', 1, false, false)")


class Web:
    """The two servers, and the requests of one round."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.ours, self.bare = free_ports(2)
        self.size = place.sized(600, 100)
        runtime = place.referral()
        self.token = runtime.signer.staff(DEMO_USERS["karen"])
        runtime.close()
        self.engine = place.admin("bench_referral")
        self.children = [
            place.start("serve", "-m", "gunicorn", "--bind", f"127.0.0.1:{self.ours}", *GUNICORN, "jobtrappen.web.wsgi:application('referral')"),
            place.start("bare", "-m", "gunicorn", "--bind", f"127.0.0.1:{self.bare}", *GUNICORN, "tests.bench.bare:application()",
                        BENCH_DATABASE=place.postgres.url("bench_bare"))]
        self.told: dict[str, list[Told]] = {"send": [], "draft": [], "bare": []}
        for port in (self.ours, self.bare):
            wait_for(partial(answers, port), 30, "gunicorn")

    def headers(self, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4()), **more}

    def send(self, _round: int) -> float:
        """Drafts stand ready; each is sent once: one UPDATE, one transition, one audit row, one event."""
        rows = [{"id": uuid.uuid4(), "case_id": uuid.uuid4(), "day": date.today() - timedelta(days=1)} for _ in range(self.size)]
        with self.engine.connect() as connection:
            connection.execute(DRAFTS, rows)
        body = json.dumps(SEND).encode()
        return self._fire("send", self.ours, [
            request("POST", f"/v1/referrals/{row['id']}/send", body, self.headers(**{"If-Match": '"1"'})) for row in rows], 200)

    def draft(self, _round: int) -> float:
        """A new referral in its first state, which says nothing: no event, all the rest."""
        rows = [{"id": uuid.uuid4(), "day": date.today()} for _ in range(self.size)]
        with self.engine.connect() as connection:
            connection.execute(CITIZENS, rows)
        return self._fire("draft", self.ours, [
            request("POST", "/v1/referrals", json.dumps({**PERSON, "case_id": str(row["id"])}).encode(), self.headers()) for row in rows], 201)

    def row(self, _round: int) -> float:
        return self._fire("bare", self.bare, [
            request("POST", "/rows", json.dumps({**SEND, "case_id": str(uuid.uuid4())}).encode(), {"Content-Type": "application/json"})
            for _ in range(self.size)], 201)

    def _fire(self, name: str, port: int, requests: list[bytes], status: int) -> float:
        told = fire(port, requests, CONNECTIONS)
        if told.statuses != {status: len(requests)}:
            raise RuntimeError(f"{name}: expected {status} alone, got {told.statuses}; see {self.place.folder}")
        self.told[name].append(told)
        return told.rate

    def close(self) -> None:
        self.place.end(*self.children)
        self.engine.dispose()


def run(place: Place) -> Bench:
    """Requests a second of the two commands and of the bare row."""
    web = Web(place)
    try:
        found = alternate("web", {"send": web.send, "bare": web.row, "draft": web.draft}, place.sized(8, 2))
        _everything_was_written(web)
    finally:
        web.close()
    ratios, notes = [], []
    for name, what in (("send", "send a referral (with its event)"), ("draft", "write a draft (says nothing)")):
        ours, base, ratio, spread = compare(found[name], found["bare"])
        ratios.append(Ratio("web", what, ours, base, "requests/s", ratio, spread, GOAL))
    for name, words in (("send", "sending a referral"), ("draft", "writing a draft"), ("bare", "the bare row")):
        times = [ms for told in web.told[name][1:] for ms in told.milliseconds]
        notes.append(f"{words} with {CONNECTIONS} connections: p50 {percentile(times, 0.5):.0f} ms, p99 {percentile(times, 0.99):.0f} ms")
    return Bench("web", ratios, notes)


def _everything_was_written(web: Web) -> None:
    """A bench of commands that did half their work would be worth nothing."""
    sent, drafted = (sum(len(t.milliseconds) for t in web.told[name]) for name in ("send", "draft"))
    with web.engine.connect() as connection:
        seen = {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in ("outbox", "stream", "transition", "audit", "answer")}
    expected = {"outbox": sent, "stream": sent, "transition": sent + drafted, "audit": sent + drafted, "answer": sent + drafted}
    if seen != expected:
        raise RuntimeError(f"expected {expected}, found {seen}")
