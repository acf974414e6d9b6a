# SPDX-License-Identifier: MPL-2.0
"""Reports are plugins (hook `report`); the kit gives each service one route that answers those it computes."""
from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from flask import Response

from jobtrappen import roles
from jobtrappen.errors import Invalid, NotFound
from jobtrappen.web import schemas

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


def as_text(report: dict[str, Any]) -> str:
    """The table as it is read on a terminal."""
    width = max([len(r["label"]) for r in report["rows"]] + [5])
    lines = [f"{report['title']} ({report['as_of']})", *(f"  {r['label']:<{width}} {r['value']:>5}" for r in report["rows"]),
             f"  {'I alt':<{width}} {report['total']:>5}"]
    return "\n".join(lines + ([f"  {report['note']}"] if report["note"] else [])) + "\n"


def as_csv(report: dict[str, Any]) -> str:
    """The table for a spreadsheet: semicolons, as Danish ones expect; labels that could be formulas are defused."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(["key", "label", "value"])
    for row in report["rows"]:
        label = f"'{row['label']}" if row["label"][:1] in ("=", "+", "-", "@") else row["label"]
        writer.writerow([row["key"], label, row["value"]])
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
        """A table of the service, as of the end of a day."""
        runtime.service.rights.of(tx.actor, "report")  # text and CSV do not pass through the rights' view
        if name not in own:
            raise NotFound(f"This service has no report of this name; it has {', '.join(sorted(own))}.")
        found = document(own[name], tx, arguments["as_of"])
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
