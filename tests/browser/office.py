# SPDX-License-Identifier: MPL-2.0
"""An office that keeps up. The demo tells what happened to its citizens and leaves undone what its services then ask for: contacts,
evaluations, receipts. Here all of that is done until today, as in an office on an ordinary day, through the public APIs."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from string import ascii_uppercase
from typing import Any

from jobtrappen.demo.client import Session, Thing
from jobtrappen.demo.life import Person
from jobtrappen.demo.people import tokens
from jobtrappen_followup.duties import MILESTONES

THREADS = 6
LEFT = 4
SUMMARY = "Det går godt. Vi har aftalt næste skridt."


def unmarked(cohort: Iterable[Person]) -> list[Person]:
    """The same citizens without the markers by which tests search for what leaked: names as people have them, each its own."""
    made: dict[tuple[str, str], Person] = {}
    for person in cohort:
        given, family, address = (plain(text, person.number) for text in (person.given_name, person.family_name, person.address))
        initials = (f"{given} {letter}." for letter in ascii_uppercase)
        while (given, family) in made:
            given = next(initials)
        made[given, family] = replace(person, given_name=given, family_name=family, address=address)
    return list(made.values())


def plain(text: str, number: int) -> str:
    for mark in tokens(number):
        text = text.replace(mark, "")
    return " ".join(text.split()).replace(" ,", ",").replace(",,", ",")


def every(session: Session, who: str, service: str, path: str, **asked: Any) -> Iterator[dict[str, Any]]:
    """All pages of a list."""
    after: dict[str, Any] = {}
    while True:
        page = session.get(who, service, path, **asked, limit=200, **after)
        yield from page["items"]
        if not page["next"]:
            return
        after = {"after": page["next"]}


def keep_up(session: Session, today: date, done: Callable[[], None] = lambda: None) -> int:
    """Do what is due. Returns: how many commands that took."""
    until = today.isoformat()
    count = 0

    def all_of(work: Callable[[dict[str, Any]], Any], things: list[dict[str, Any]]) -> None:
        nonlocal count
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(work, things):
                count += 1
                done()

    due = list(every(session, "mehmet", "followup", "/duties", open="true", due_by=until))
    all_of(lambda case: _contact(session, case), [{"case_id": one} for one in dict.fromkeys(d["case_id"] for d in due)])
    all_of(lambda duty: _done(session, duty), list(every(session, "mehmet", "followup", "/duties", open="true", due_by=until)))
    for who, service in (("mehmet", "referral"), ("karen", "referral"), ("pia", "partners")):
        all_of(lambda line, who=who, service=service: _step(session, who, service, line), _lines(session, who, service, until))
    return count


def _contact(session: Session, one: dict[str, Any]) -> None:
    """One contact does all that was planned until its day."""
    session.post("mehmet", "followup", "/contacts", {"case_id": one["case_id"], "kind": "call", "with": "citizen", "summary": SUMMARY}, name=f"contact {one['case_id']}")


def _done(session: Session, duty: dict[str, Any]) -> None:
    body = {"holds": True} if duty["kind"] in MILESTONES else {}
    session.post("mehmet", "followup", f"/duties/{duty['id']}/done", body, name="done", on=Thing(duty, f'"{duty["version"]}"'))


STEPS = {"start_referral": ("/referrals", "start"), "see_outcome": ("/referrals", "acknowledge_outcome"), "confirm_delivery": ("/requests", "confirm")}


def _lines(session: Session, who: str, service: str, until: str) -> list[dict[str, Any]]:
    """What this person does: all that is due but the latest few, so that her list shows what a list is."""
    due = [line for line in every(session, who, service, "/work") if line["due_on"] <= until and line["why"] in STEPS]
    return due[:-LEFT]


def _step(session: Session, who: str, service: str, line: dict[str, Any]) -> None:
    things, action = STEPS[line["why"]]
    thing = session.get(who, service, f"{things}/{line['id']}")
    session.post(who, service, f"{things}/{line['id']}/{action}", {}, name=action, on=Thing(thing, f'"{thing["version"]}"'))
