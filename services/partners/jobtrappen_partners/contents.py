# SPDX-License-Identifier: MPL-2.0
"""The words of a request: its text, what was said to and fro, and what was delivered, sealed as one document."""
from __future__ import annotations

import json
from typing import Any

from jobtrappen.tx import Tx
from jobtrappen_partners.model import PartnerRequest

CONTEXT = "partner_request"


def read(tx: Tx, request: PartnerRequest) -> dict[str, Any]:
    """{text, dialogue: [{action, on, by, …}], output}; empty when nothing was written or the person was erased."""
    known = tx.runtime.vault.open_document(request.content_sealed, CONTEXT) if request.content_sealed else {}
    return {"text": "", "dialogue": [], "output": None, **known}


def write(tx: Tx, request: PartnerRequest, content: dict[str, Any]) -> None:
    request.content_sealed = tx.runtime.vault.seal_document(json.loads(json.dumps(content, default=str)), CONTEXT)


def add(tx: Tx, request: PartnerRequest, action: str, facts: dict[str, Any]) -> None:
    """One more thing said; nothing when there are no words or facts in it."""
    said = {name: value for name, value in facts.items() if value not in (None, "", [])}
    if said:
        by = "partner" if tx.actor.role == "partner" else "municipality"
        content = read(tx, request)
        content["dialogue"].append({"action": action, "on": request.effective_date, "by": by, **said})
        write(tx, request, content)
