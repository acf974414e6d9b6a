# SPDX-License-Identifier: MPL-2.0
"""What somebody has typed and not sent yet. A form tells it while she types (and when she leaves); it is kept sealed, for her alone,
comes back when she opens the form again, and goes when the form is sent or she throws it away."""
from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from flask import Response, request
from sqlalchemy import delete, insert, select, update
from werkzeug.datastructures import MultiDict

from jobtrappen import clock, roles, tables
from jobtrappen.tx import Tx
from jobtrappen.web.pages.site import Desk, Page

D = tables.draft.c
KEPT_DAYS = 14
LONGEST = 100_000
LONGEST_FORM = 200
"""Characters of a form's address, as the column holds them."""
NOT_KEPT = ("csrf_token", "key", "version")


def pages() -> list[Page]:
    return [Page("/draft", "keep_draft", keep, roles.STAFF | roles.PA, ("POST",)), Page("/draft/forget", "forget_draft", forget_page, roles.STAFF | roles.PA, ("POST",))]


def keep(desk: Desk) -> Response:
    """Keep what stands in a form now; an empty one is forgotten."""
    form = request.form.get("draft-of", "")
    fields = {name: request.form.getlist(name) for name in request.form if name not in (*NOT_KEPT, "draft-of")}
    text = json.dumps(fields)
    kept = store(desk.tx, form, text if any(value.strip() for given in fields.values() for value in given) else "")
    return Response(status=204 if kept else 422)


def forget_page(desk: Desk) -> Any:
    from jobtrappen.web.pages.door import own

    forget(desk.tx, request.form.get("draft-of", ""))
    return desk.go(own(request.form.get("to", "")) or "/")


def store(tx: Tx, form: str, text: str) -> bool:
    """Keep what was typed into a form, or, for "", nothing of it any more.

    Returns: False where it cannot be: no form has such an address, or it is longer than any form."""
    if not 0 < len(form) <= LONGEST_FORM or not form.isprintable() or len(text) > LONGEST:
        return False
    tx.session.execute(delete(tables.draft).where(D.at < clock.now() - timedelta(days=KEPT_DAYS)))
    mine = (D.principal == tx.actor.id, D.form == form)
    if not text:
        tx.session.execute(delete(tables.draft).where(*mine))
        return True
    sealed = tx.runtime.vault.seal_document({"text": text}, "draft")
    if not tx.session.execute(update(tables.draft).where(*mine).values(sealed=sealed, at=clock.now())).rowcount:  # type: ignore[attr-defined]
        tx.session.execute(insert(tables.draft).values(principal=tx.actor.id, form=form, sealed=sealed, at=clock.now()))
    return True


def forget(tx: Tx, form: str) -> None:
    """What was typed is gone; of a form that nobody can have typed into, nothing is there."""
    if form.isprintable():
        tx.session.execute(delete(tables.draft).where(D.principal == tx.actor.id, D.form == form))


def of(tx: Tx, form: str) -> tuple[MultiDict[str, str], Any] | None:
    """(what was typed, when), or None."""
    row = tx.session.execute(select(D.sealed, D.at).where(D.principal == tx.actor.id, D.form == form)).first()
    if row is None:
        return None
    typed = json.loads(tx.runtime.vault.open_document(row.sealed, "draft")["text"])
    return MultiDict([(name, one) for name, given in typed.items() for one in given]), row.at
