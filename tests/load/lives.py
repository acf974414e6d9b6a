# SPDX-License-Identifier: MPL-2.0
"""What is done for each case: a row of an uploaded list is referred, accepted and started, its first talk booked and held.
That is five commands and ten events a case, on days spread over two years."""
from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from tests.load.place import TODAY, Place

CHUNK = 250
"""Cases of one uploaded list."""
DAYS = 700
WEIGHTS = (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
TALK = {"place": "Kontoret", "form": "office", "participants": [{"kind": "consultant"}]}


def cpr(number: int) -> str:
    """The n-th fictional CPR number: a real date, a serial that fails modulus 11, so that no living person has it."""
    serial, day = divmod(number, 18_000)
    born = date(1950, 1, 1) + timedelta(days=day)
    for last in range(serial * 2, 4000):
        digits = f"{born:%d%m%y}{last:04d}"
        if sum(w * int(d) for w, d in zip(WEIGHTS, digits, strict=True)) % 11 and (last == serial * 2 or last % 2):
            return digits
    raise ValueError(f"no CPR number is left for {number}")


def live(place: Place, first: int, cases: int) -> Iterator[int]:
    """Make the cases `first` to `first + cases`; yields after each how many were made."""
    for begin in range(first, first + cases, CHUNK):
        numbers = range(begin, min(begin + CHUNK, first + cases))
        lines = ["given_name;family_name;cpr", *(f"Borger;Nummer {n};{cpr(n)}" for n in numbers)]
        made = place.post("karen", "referral", "/referral-lists", "\n".join(lines).encode())
        rows = place.get("karen", "referral", f"/referral-lists/{made['id']}/rows")["items"]
        for number, row in zip(numbers, rows, strict=True):
            _one(place, row["id"], TODAY - timedelta(days=DAYS - number % DAYS))
            yield 1


def _one(place: Place, row: str, day: date) -> None:
    def on(days: int) -> str:
        return min(day + timedelta(days=days), TODAY).isoformat()

    def referral(action: str, version: int, **body: Any) -> None:
        place.post("mehmet", "referral", f"/referrals/{found['referral_id']}/{action}", body, version)

    found = place.post("karen", "referral", f"/list-rows/{row}/screen", {"decision": "refer", "effective_date": on(0)}, 1)
    referral("accept", 2, responsible="mehmet", planned_start=on(7), effective_date=on(2))
    talk = place.post("mehmet", "referral", "/intakes", {**TALK, "case_id": found["case_id"], "scheduled_at": f"{on(5)}T09:00:00+00:00", "effective_date": on(3)})
    place.post("mehmet", "referral", f"/intakes/{talk['id']}/hold", {
        "attended": ["consultant"], "wishes": ["køkken"], "competences": ["bager"], "barriers": ["ingen"], "effective_date": on(5)}, 1)
    referral("start", 3, effective_date=on(7))
