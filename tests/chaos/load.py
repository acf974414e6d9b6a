# SPDX-License-Identifier: MPL-2.0
"""The chaos test's client: lives of the demo's plan, sent by many threads through the public APIs while things die.

A command that was not answered (connection refused, reset, timed out, 5xx) is repeated with the same key until it is
acknowledged. Every acknowledgement is written down; the checker trusts nothing else.
"""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from jobtrappen.demo.client import DemoFailed, Session, Thing
from jobtrappen.demo.loader import CONSULTANT, Life, build_town
from jobtrappen.demo.people import employers
from jobtrappen.demo.plan import random_cohort

GIVE_UP_SECONDS = 400.0
THREADS = 4
"""Few, so that what was killed finds a processor to start on again; more of them only wait for each other."""
HOT_CASES = 2
WORKERS = 2
"""Threads that book and move talks of each hot case."""


class Enough(Exception):
    """The load is over; this life is left as it is."""


@dataclass(frozen=True)
class Acknowledged:
    """One command as the client knows it was done."""

    service: str
    path: str
    key: str
    document: dict[str, Any] = field(hash=False, compare=False)


class StubbornSession(Session):
    """A demo session that repeats until it is answered, and counts what it had to repeat."""

    def __init__(self, urls: dict[str, str], tokens: dict[str, str], seed: str) -> None:
        super().__init__(urls, tokens, seed, patience=GIVE_UP_SECONDS)
        self.acknowledged: list[Acknowledged] = []
        self.repeats = 0
        self.in_flight: dict[str, int] = dict.fromkeys(urls, 0)
        self.lock = threading.Lock()
        self.over = threading.Event()

    def _http(self) -> requests.Session:
        new = not hasattr(self.local, "http")
        http = super()._http()
        if new:
            http.hooks["response"].append(self._refused)
        return http

    def _refused(self, answer: requests.Response, **_given: Any) -> None:
        """A command that was refused has changed nothing; once the load is over it need not be asked again."""
        if self.over.is_set() and answer.request.method == "POST" and answer.status_code in (404, 409, 412):
            raise Enough

    def _patiently(self, what: str, call: Any) -> Any:
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            try:
                return call()
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                with self.lock:
                    self.repeats += 1
                if time.monotonic() > deadline:
                    raise DemoFailed(f"{what} was not answered for {GIVE_UP_SECONDS:.0f} s") from error
                self.local.__dict__.pop("http", None)
                time.sleep(0.15)

    def get(self, who: str, service: str, path: str, **params: Any) -> Any:
        return self._patiently(path, lambda: super(StubbornSession, self).get(who, service, path, **params))

    def wait_for(self, what: str, look: Callable[[], Any]) -> Any:
        def unless_over() -> Any:
            self._go_on()
            return look()

        return super().wait_for(what, unless_over)

    def post(self, who: str, service: str, path: str, body: Any, *, name: str, on: Thing | None = None, content_type: str = "application/json") -> Thing:
        self._go_on()
        with self.lock:
            self.in_flight[service] += 1
        try:
            thing = self._patiently(path, lambda: super(StubbornSession, self).post(who, service, path, body, name=name, on=on, content_type=content_type))
        finally:
            with self.lock:
                self.in_flight[service] -= 1
        with self.lock:
            self.acknowledged.append(Acknowledged(service, path, self.key(service, path, name), thing.document))
        return thing

    def _go_on(self) -> None:
        """No new command once the load is over; one that was sent is repeated until its outcome is known."""
        if self.over.is_set():
            raise Enough


@contextmanager
def under_load(session: StubbornSession, seed: int, lives: int) -> Iterator[list[str]]:
    """Lives and hot cases until the block is left; then every command that was sent has been acknowledged. Gives the hot cases."""
    cohort = random_cohort(seed, lives)
    town = build_town(session, cohort, employers())
    hot = [session.post("karen", "referral", "/cases", {"given_name": "Hot", "family_name": str(n), "track": "adult", "language_school": True,
                                                       "effective_date": "2003-09-01"}, name=f"hot{n}").id for n in range(HOT_CASES)]
    with ThreadPoolExecutor(THREADS + HOT_CASES * WORKERS, thread_name_prefix="client") as pool:
        waiting, lock = iter(cohort), threading.Lock()

        def live() -> None:
            while True:
                with lock:
                    person = next(waiting, None)
                if person is None:
                    return
                Life(session, town, person).live()

        work: list[Future[None]] = [pool.submit(_until_enough, live) for _ in range(THREADS)]
        work += [pool.submit(_until_enough, _heat, session, case, worker) for case in hot for worker in range(WORKERS)]
        try:
            yield hot
        finally:
            session.over.set()
        for one in work:
            one.result(timeout=GIVE_UP_SECONDS)


def _until_enough(work: Callable[..., None], *arguments: Any) -> None:
    try:
        work(*arguments)
    except Enough:
        return


def _heat(session: StubbornSession, case: str, worker: int) -> None:
    """Book and move talks of one case, two workers beside each other. They pause, because each talk is several events and what is not
    consumed when the kills are over is waited for."""
    number = 0
    while True:
        number += 1
        talk = session.post(CONSULTANT, "referral", "/intakes", {
            "case_id": case, "scheduled_at": "2004-06-10T10:00:00+02:00", "place": "Kontor", "form": "office", "participants": [{"kind": "teacher"}]},
            name=f"{case}:{worker}:{number}")
        session.post(CONSULTANT, "referral", f"/intakes/{talk.id}/move", {"scheduled_at": "2004-06-12T10:00:00+02:00", "reason": "Flyttet"}, on=talk,
                     name=f"{case}:{worker}:{number}:move")
        session.over.wait(0.25)
