# SPDX-License-Identifier: MPL-2.0
"""The reports as pages: a day to choose, the table, and beside it a bar chart that the server draws (no script, no style in it).

What a page shows is read by the API's route, so it keeps back the same small cells."""
from __future__ import annotations

import textwrap
from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import request, url_for

from jobtrappen.errors import NotFound
from jobtrappen.runtime import Runtime
from jobtrappen.web.api import Route
from jobtrappen.web.pages import words
from jobtrappen.web.pages.site import Desk, Page

ROW, GAP, LEFT, WIDE, RIGHT, AXIS = 28, 14, 300, 420, 80, 26
LINE = 40
"""So many letters of a label fit beside its bar; a longer one takes two lines."""
STEPS = (1, 2, 5, 8)


def pages(runtime: Runtime, routes: Mapping[str, Route]) -> list[Page]:
    if "report" not in routes:
        return []
    who = runtime.service.rights.readers("report")
    return [Page("/reports", "reports", overview, who), Page("/reports/<string:name>", "report", one, who)]


def known(desk: Desk) -> dict[str, Any]:
    from jobtrappen.plugins import manager

    return {r.name: r for found in manager().hook.report() for r in found if r.service == desk.runtime.name}


def overview(desk: Desk) -> str:
    """Which reports this service computes."""
    return desk.show("reports.html", reports=list(known(desk).values()), today=desk.tx.today)


def one(desk: Desk, name: str) -> Any:
    """A report as of the end of a day."""
    if name not in known(desk):
        raise NotFound("This service has no report of this name.")
    day = request.args.get("as_of", "")
    wrong = ""
    try:
        as_of = date.fromisoformat(day) if day else desk.tx.today
    except ValueError:
        as_of, wrong = desk.tx.today, "is not a day of the calendar"
    if as_of > desk.tx.today:
        as_of, wrong = desk.tx.today, f"lies in the future; today is {desk.tx.today}"
    if request.args.get("format") == "csv":  # the same read as the API's, signed in by the page's session
        return desk.read("report", {"as_of": as_of.isoformat(), "format": "csv"}, name=name)
    report = known(desk)[name]
    document = _in_her_language(desk.read("report", {"as_of": as_of.isoformat(), "format": "json"}, name=name))
    return desk.show("report.html", report=document, chart=chart(document["rows"], report.aims), as_of=as_of, today=desk.tx.today, wrong=wrong, aims=report.aims,
                     kept_back=document["total"] is None or any(r["value"] is None for r in document["rows"]),
                     csv=url_for("report", name=name, as_of=as_of.isoformat(), format="csv"))


def _in_her_language(document: Mapping[str, Any]) -> dict[str, Any]:
    """A report is written down in Danish; its file stays so."""
    return {**document, "title": words.printed(document["title"]), "note": words.printed(document["note"]) if document.get("note") else "",
            "rows": [{**row, "label": words.printed(row["label"])} for row in document["rows"]]}


def chart(rows: list[Mapping[str, Any]], aims: Mapping[str, int]) -> dict[str, Any]:
    """Where the bars of a table stand, with a goal as a frame behind its bar. A row that is kept back has no length: a bar would tell
    what the number does not."""
    most = max([*(r["value"] for r in rows if r["value"] is not None), *(aims.get(r["key"], 0) for r in rows), 1])
    top = _round_up(most)

    def length(value: int) -> float:
        return round(WIDE * value / top, 1)

    bars = []
    for n, row in enumerate(rows):
        value, goal = row["value"], aims.get(row["key"], 0)
        lines = textwrap.wrap(row["label"], LINE, max_lines=2, placeholder=" …") or [""]
        bars.append({"y": n * (ROW + GAP), "value": value, "goal": goal, "length": length(value or 0), "goal_length": length(goal), "inset": 6 if goal else 0,
                     "number_at": LEFT + max(length(value or 0), length(goal)) + 8, "lines": lines, "first": 19 if len(lines) == 1 else 11})
    foot = max(1, len(rows)) * (ROW + GAP)
    return {"width": LEFT + WIDE + RIGHT, "height": foot + AXIS, "foot": foot, "bars": bars, "row": ROW, "left": LEFT,
            "ticks": [(LEFT + length(part), part) for part in _ticks(top)]}


def _round_up(most: int) -> int:
    """Where the axis ends: the next of 1, 2, 5, 8, 10, 20, 50, 80 …"""
    ten = 1
    while 8 * ten < most:
        ten *= 10
    return next(step * ten for step in STEPS if step * ten >= most)


def _ticks(top: int) -> list[int]:
    """Up to five whole numbers along the axis."""
    return [top * n // 4 for n in range(5)] if top % 4 == 0 else [top * n // 5 for n in range(6)] if top % 5 == 0 else list(range(top + 1))
