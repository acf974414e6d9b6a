# SPDX-License-Identifier: MPL-2.0
"""Reports are plugins (hook `report`); the kit gives each service one route that answers those it computes.

The team that owns the cases reads the true figures. For everybody else small cells are kept back (small_cells.py says by what rule):
`published` is what a reader gets, by the API and on pages alike. The operator's own CLI reads from the database itself.
"""
from __future__ import annotations

import csv
import io
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from flask import Response

from jobtrappen import roles
from jobtrappen.errors import Invalid, NotFound
from jobtrappen.spreadsheet import defused
from jobtrappen.web import schemas, small_cells

if TYPE_CHECKING:
    from jobtrappen.runtime import Runtime
    from jobtrappen.tx import Tx
    from jobtrappen.web.api import Api


@dataclass(frozen=True)
class Report:
    """One report of one service. `compute(tx, as_of)` returns {key: count} from what the service recorded.

    `labels` are the printed labels in their order; a key without a label is printed after them under its own name,
    and one that is not printed when zero stands in `when_any`.
    """

    name: str
    service: str
    title: str
    labels: dict[str, str]
    compute: Callable[[Tx, date], dict[str, int]]
    note: str | None = None
    when_any: frozenset[str] = frozenset()
    sort: bool = False
    """True: rows follow their labels' alphabet, and rows of zero are left out."""
    made_of: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """A key of this report (or `total`): the (report, key) of the same service that are the same people taken together, so that
    what one table keeps back, another does not tell."""
    aims: Mapping[str, int] = field(default_factory=dict)
    """What a row is meant to reach, for the picture."""


TRUE_FIGURES = roles.JC_CW
"""Who works on the cases: a coordinator and an administrator do not."""
KEPT_BACK = "* skjult, fordi gruppen er under fem, eller fordi en så lille gruppe ellers kunne regnes ud"


def document(report: Report, tx: Tx, as_of: date) -> dict[str, Any]:
    """The report as of the end of a day.

    Returns: {name, title, as_of, note, rows: [{key, label, value}], total}.
    Raises:
        Invalid: the day lies in the future.
    """
    if as_of > tx.today:
        raise Invalid("as_of", f"lies in the future; today is {tx.today}")
    counts = report.compute(tx, as_of)
    keys = sorted(counts) if report.sort else [*report.labels, *(k for k in counts if k not in report.labels)]
    rows = [{"key": k, "label": report.labels.get(k, k), "value": counts.get(k, 0)} for k in keys
            if counts.get(k, 0) or not (report.sort or k in report.when_any or k not in report.labels)]
    return {"name": report.name, "title": report.title, "as_of": as_of, "note": report.note, "rows": rows,
            "total": sum(r["value"] for r in rows)}


def published(own: Mapping[str, Report], name: str, tx: Tx, as_of: date) -> dict[str, Any]:
    """A report as this reader may see it. A row that is kept back has no value, and `suppressed`; a total kept back is None.

    Raises:
        Invalid: the day lies in the future.
    """
    found = document(own[name], tx, as_of)
    if tx.actor.role in TRUE_FIGURES:
        return found
    tables = {name: found} | {other: document(own[other], tx, as_of) for other in _related(own, name) - {name}}
    return without_small_cells(own, tables)[name]


def without_small_cells(own: Mapping[str, Report], tables: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Tables of one day, all of them that share people, with what must not be told kept back."""
    cells: dict[Hashable, int] = {(name, r["key"]): r["value"] for name, table in tables.items() for r in table["rows"]}
    sums = [small_cells.Sum((name, "total"), tuple((name, r["key"]) for r in table["rows"])) for name, table in tables.items()]
    cells |= {(name, "total"): table["total"] for name, table in tables.items()}
    shared = [((name, key), parts) for name in tables for key, parts in own[name].made_of.items() if all(other in tables for other, _key in parts)]
    sums += [small_cells.Sum(whole, known) for whole, parts in shared if whole in cells and (known := tuple(p for p in parts if p in cells))]
    hidden = small_cells.hide(cells, sums)
    return {name: {**table, "total": None if (name, "total") in hidden else table["total"],
                   "rows": [{**r, "value": None, "suppressed": True} if (name, r["key"]) in hidden else r for r in table["rows"]]}
            for name, table in tables.items()}


def _related(own: Mapping[str, Report], name: str) -> set[str]:
    """The reports that count the same people as this one, straight or by way of others."""
    pairs = [{one.name, other} for one in own.values() for parts in one.made_of.values() for other, _key in parts if other in own]
    found = {name}
    while more := {n for pair in pairs if pair & found for n in pair} - found:
        found |= more
    return found


def as_text(report: dict[str, Any]) -> str:
    """The table as it is read on a terminal."""
    width = max([len(r["label"]) for r in report["rows"]] + [5])
    shown = [(r["label"], r["value"]) for r in report["rows"]] + [("I alt", report["total"])]
    lines = [f"{report['title']} ({report['as_of']})", *(f"  {label:<{width}} {'*' if value is None else value:>5}" for label, value in shown)]
    lines += [f"  {KEPT_BACK}"] if any(value is None for _label, value in shown) else []
    return "\n".join(lines + ([f"  {report['note']}"] if report["note"] else [])) + "\n"


def as_csv(report: dict[str, Any]) -> str:
    """The table for a spreadsheet: semicolons, as Danish ones expect; texts that could be formulas are defused, what is kept back
    is empty."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(["key", "label", "value"])
    for row in report["rows"]:
        writer.writerow([defused(row["key"]), defused(row["label"]), "" if row["value"] is None else row["value"]])
    return out.getvalue()


def install(api: Api, runtime: Runtime) -> None:
    """The report routes of a service."""
    from jobtrappen.plugins import manager

    own = {r.name: r for found in manager().hook.report() for r in found if r.service == runtime.name}
    if not own:
        return

    @api.read("/reports/<string:name>", resource="report", who=roles.STAFF, query=schemas.REPORT_QUERY, dumps=schemas.REPORT,
              gives="application/json text/csv text/plain")
    def report(tx: Tx, arguments: dict[str, Any], name: str) -> Any:
        """A table of the service, as of the end of a day.

        Who does not work on the cases sees no cell below five, and none that such a one could be computed from: its value is null
        and `suppressed` true; a total that is kept back is null."""
        runtime.service.rights.of(tx.actor, "report")  # text and CSV do not pass through the rights' view
        if name not in own:
            raise NotFound(f"This service has no report of this name; it has {', '.join(sorted(own))}.")
        found = published(own, name, tx, arguments["as_of"])
        if arguments["format"] == "text":
            return Response(as_text(found), content_type="text/plain; charset=utf-8")
        if arguments["format"] == "csv":
            return Response(as_csv(found), content_type="text/csv; charset=utf-8")
        return found


def read(runtime: Runtime, report: Report, as_of: date) -> dict[str, Any]:
    """The report, straight from the service's own database (for its operator's CLI)."""
    from jobtrappen.db import reading
    from jobtrappen.tx import SYSTEM, Tx

    with reading(runtime.engine) as session:
        return document(report, Tx(session, runtime, SYSTEM), as_of)
