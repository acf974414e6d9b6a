# SPDX-License-Identifier: MPL-2.0
"""Lists of candidates: uploaded as a file, then decided on row by row, many on one page."""
from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request, url_for
from werkzeug.datastructures import MultiDict

from jobtrappen.errors import Invalid, Rejected, TooMany
from jobtrappen.roles import CW
from jobtrappen.web.pages import drafts, words
from jobtrappen.web.pages.commands import give
from jobtrappen.web.pages.site import Desk
from jobtrappen_referral.sources import COLUMNS

ROWS = 50
DECISIONS = ("refer", "not_now", "not_in_target_group", "cannot_reach_person")


def lists(desk: Desk) -> Any:
    """Upload a list; each row waits for a decision."""
    wrong, status = "", 200
    if request.method == "POST":
        file = request.files.get("list")
        try:
            body = file.read() if file else b""
            made = give(desk, "upload_list", {"body": body}, body=body)
        except (Invalid, TooMany) as error:
            wrong = words.sentence(error.extra["errors"][0]["detail"] if isinstance(error, Invalid) else error.detail)
            status = error.status
        else:
            rejected = words.plural("{n} row was rejected.", "{n} rows were rejected.", len(made["rejected"])) if made["rejected"] else ""
            return desk.go(url_for("screening", id=made["id"]), rejected or words._("Saved."))
    return Response(desk.show("lists.html", wrong=wrong, lists=_latest(desk), columns=list(COLUMNS.values())), status, content_type="text/html; charset=utf-8")


def _latest(desk: Desk) -> list[dict[str, Any]]:
    """The latest lists first. The API gives the oldest first, so all are asked for; a unit has dozens."""
    found, after = [], None
    for _n in range(20):
        page = desk.read("list_lists", {"limit": 200, **({"after": after} if after else {})})
        found += page["items"]
        after = page["next"]
        if not after:
            break
    return list(reversed(found))[:ROWS]


def screening(desk: Desk, id: UUID) -> Any:
    """A list's rows, one decision each; a caseworker decides several at once. A row that cannot be taken says why, and its decision stays."""
    chosen: dict[str, str] = {}
    reasons: dict[str, str] = {}
    wrong: dict[str, str] = {}
    draft_of = None
    if (told := desk.told("after")) and not (told.isascii() and told.isdigit() and len(told) < 6):
        raise Invalid("after", "is not the `next` of a page of this list")
    after = int(told or 0)
    if request.method == "POST":
        chosen, reasons = _typed(request.form)
        decided, wrong = _decide(desk, id, chosen, reasons, after)
        if not wrong:
            drafts.forget(desk.tx, request.path)
            return desk.go(url_for("screening", id=id, **({"after": after} if after else {})), words.plural("{n} decision was kept.", "{n} decisions were kept.", decided))
    elif kept := drafts.of(desk.tx, request.path):
        (chosen, reasons), draft_of = _typed(kept[0]), kept[1]
    found = _rows(desk, id, after)
    shown = desk.show("screening.html", made=desk.read("read_list", id=id), rows=found["items"], decides=desk.actor.role in CW, decisions=DECISIONS, chosen=chosen, reasons=reasons, wrong=wrong,
                      draft_of=draft_of, after=after, following=url_for("screening", id=id, after=found["next"]) if found["next"] else "",
                      here_again=url_for("screening", id=id, **({"after": after} if after else {})))
    return Response(shown, 422 if wrong else 200, content_type="text/html; charset=utf-8")


def _typed(given: MultiDict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """({row: what was chosen}, {row: the reason that was written})."""
    chosen = {name.partition(".")[2]: value for name, value in given.items() if name.startswith("decision.") and value in DECISIONS}
    return chosen, {name.partition(".")[2]: value.strip() for name, value in given.items() if name.startswith("reason.") and value.strip()}


def _rows(desk: Desk, id: UUID, after: int) -> dict[str, Any]:
    return desk.read("list_rows", {"limit": ROWS, **({"after": after} if after else {})}, id=id)


def _decide(desk: Desk, id: UUID, chosen: dict[str, str], reasons: dict[str, str], after: int) -> tuple[int, dict[str, str]]:
    """Each decision in a transaction of its own: (how many were kept, {row: why it was not}). A reason without a decision is no
    decision, and says so; who comes second is told what stands there and what she had typed."""
    decided, wrong = 0, {}
    for row in _rows(desk, id, after)["items"]:
        if row["id"] not in {*chosen, *reasons}:
            continue
        mine = chosen.get(row["id"], ""), reasons.get(row["id"], "")
        if row["decision"]:
            if mine != (row["decision"], row["reason"] or ""):  # else it was sent twice
                wrong[row["id"]] = words._("This line was decided meanwhile. You had: {mine}.", mine=", ".join(filter(None, (words.word("decision", mine[0]) if mine[0] else "", mine[1]))))
            continue
        if row["id"] not in chosen:
            wrong[row["id"]] = words._("Choose a decision too; a reason alone decides nothing.")
            continue
        try:
            why = {"reason": mine[1]} if mine[1] else {}
            give(desk, "screen", {"decision": mine[0], **why}, version=row["version"], id=UUID(row["id"]))
            decided += 1
        except Rejected as error:
            first = error.extra["errors"][0] if isinstance(error, Invalid) else {"field": "", "detail": error.detail}
            wrong[row["id"]] = f"{words.label(first['field'])}: {words.sentence(first['detail'])}" if first["field"] else words.sentence(first["detail"])
    return decided, wrong
