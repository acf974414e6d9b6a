# SPDX-License-Identifier: MPL-2.0
"""What an answer costs at a size, each as the quickest of several; with the databases' real settings, in a process of its own,
so that its memory is its own too: `measure <home> <database>` prints JSON."""
from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from jobtrappen import migrate
from jobtrappen.consumer import Consumer
from jobtrappen.runtime import Runtime
from tests.load.lives import cpr
from tests.load.place import TODAY, Place, settings

TIMES = 7
REPORTS = {"referral": ("table-6",), "followup": ("table-1", "table-2", "table-5", "target-board")}


def questions(place: Place) -> dict[str, Callable[[int], Any]]:
    """What is asked; the number of the asking makes each one another."""
    with place.runtimes["referral"].engine.connect() as connection:
        total = connection.scalar(text("SELECT count(*) FROM citizen"))
        middle = UUID(str(connection.scalar(text("SELECT id FROM referral ORDER BY id LIMIT 1 OFFSET :n"), {"n": total // 2})))
        people = connection.execute(text("SELECT case_id FROM referral ORDER BY id LIMIT 50 OFFSET :n"), {"n": total // 2}).scalars().all()

    def case(n: int) -> Any:
        return UUID(str(people[n % len(people)]))

    asked: dict[str, Callable[[int], Any]] = {
        "list: referrals, first page": lambda _n: place.get("karen", "referral", "/referrals"),
        "list: referrals, a page in the middle": lambda _n: place.get("karen", "referral", "/referrals", after=str(middle)),
        "list: referrals of a state that few have": lambda _n: place.get("karen", "referral", "/referrals", status="draft"),
        "list: cases with their persons": lambda _n: place.get("karen", "referral", "/cases"),
        "list: courses with names and next action": lambda _n: place.get("mehmet", "followup", "/courses"),
        "list: duties that are overdue": lambda _n: place.get("mehmet", "followup", "/duties", open="true", due_by=TODAY.isoformat()),
        "search: a case by CPR number": lambda n: place.post("karen", "referral", "/cases/find", {"cpr": cpr(n * 17 % min(total, 60))}),
        "one case": lambda n: place.get("karen", "referral", f"/cases/{case(n)}"),
        "one case's history": lambda n: place.get("karen", "referral", f"/cases/{case(n)}/history"),
        "one course's way on the staircase": lambda n: place.get("mehmet", "followup", f"/courses/{case(n)}/steps"),
        "command: note a circumstance": lambda n: _command(place, case(n)),
    }
    for service, names in REPORTS.items():
        for name in names:
            asked[f"report: {name}"] = lambda _n, service=service, name=name: place.get("mehmet", service, f"/reports/{name}", as_of=TODAY.isoformat())
    return asked


def _command(place: Place, case: Any) -> Any:
    found = place.get("karen", "referral", f"/cases/{case}")
    began = time.perf_counter()
    place.post("karen", "referral", f"/cases/{case}/circumstances", {"code_set": "benefit", "code": "cash_benefit", "effective_date": TODAY.isoformat()},
               found["version"])
    return time.perf_counter() - began


def times(place: Place) -> dict[str, float]:
    """{what: milliseconds of the quickest asking}: other work of the machine can only make one slower."""
    found = {}
    for what, ask in questions(place).items():
        taken = []
        for n in range(TIMES + 1):
            began = time.perf_counter()
            answer = ask(n)
            taken.append(answer if isinstance(answer, float) else time.perf_counter() - began)
            if n > 1 and sum(taken) > 60:
                break
        found[what] = round(min(taken[1:]) * 1000, 2)
    return found


def again(place: Place, seconds: float) -> tuple[float, int]:
    """followup begins again from nothing in an empty database beside the others, and reads all topics from the start.

    Returns: seconds, and how many records it read; fewer than there are when the time was over.
    """
    if not seconds:
        return 0.0, 0
    with tempfile.TemporaryDirectory(dir=place.settings.home) as home:
        old = place.runtimes["followup"]
        if old.url.startswith("sqlite"):
            fresh = Runtime(old.service, settings(Path(home), "").__class__(**{**vars(place.settings), "home": Path(home)}))
        else:
            _database(old, "CREATE DATABASE load_again_followup")
            fresh = Runtime(old.service, place.settings.__class__(**{**vars(place.settings), "database": place.settings.database.replace("load_", "load_again_")}))
        try:
            migrate.upgrade(fresh)
            consumer = Consumer(fresh, place.bus, "jobtrappen.again")
            subscription = place.bus.subscribe(consumer.name, consumer.topics, consumer.next_offset)
            began, read = time.perf_counter(), 0
            while (taken := consumer.once(subscription, timeout=0.0)) and time.perf_counter() - began < seconds:
                read += taken
            taken_seconds = time.perf_counter() - began
            subscription.close()
        finally:
            fresh.close()
            if not old.url.startswith("sqlite"):
                _database(old, "DROP DATABASE load_again_followup")
    return round(taken_seconds, 2), read


def _database(runtime: Runtime, statement: str) -> None:
    with runtime.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))


def disk(place: Place) -> dict[str, int]:
    """{service or bus: bytes}."""
    found = {}
    for name, runtime in place.runtimes.items():
        if runtime.url.startswith("sqlite"):
            found[name] = sum(p.stat().st_size for p in place.settings.home.glob(f"{name}.db*"))
        else:
            with runtime.engine.connect() as connection:
                found[name] = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
    found["bus"] = sum(p.stat().st_size for p in place.settings.home.glob("bus.db*"))
    return found


def main(home: str, database: str, seconds: str = "600") -> int:
    """Print {times, memory, disk, again} as JSON."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    place = Place(settings(Path(home), database))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        found = {"times": times(place), "disk": disk(place)}
        memory = {"begun": before * 1024, "after": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
        print(json.dumps({**found, "memory": memory, "again": again(place, float(seconds))}))
    finally:
        place.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
