# SPDX-License-Identifier: MPL-2.0
"""A command that a page gives by itself, beside the forms: a search, an upload, one of many decisions on one page."""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import request

from jobtrappen import clock
from jobtrappen.errors import Forbidden
from jobtrappen.web.api import Call, Replayed, carry_out
from jobtrappen.web.callers import within
from jobtrappen.web.pages.site import Desk


def give(desk: Desk, name: str, given: Mapping[str, Any], *, version: int | None = None, key: str = "", body: bytes | None = None, **path: Any) -> Any:
    """Carry a command out, in a transaction of its own.

    Args:
        given: the command's JSON; for a command that takes a file, {"body": bytes}.
        key: its Idempotency-Key; a new one for what may be repeated.
    Returns: the answer's document, after rights.
    Raises:
        Rejected, ValidationError: as the API would; nothing was changed.
    """
    route = desk.routes[name]
    if desk.actor.role not in route.who:
        raise Forbidden(f"{desk.actor.role} may not do this.", action=name, allowed=[])
    if route.limit:
        within(desk.runtime, route.limit, desk.actor.id)
    desk.leave()  # a command has its own transaction; two at once would wait for each other
    command = route.loads.load(dict(given)) if route.loads is not None else dict(given)
    sent = json.dumps(dict(given), sort_keys=True).encode() if body is None else body
    call = Call(key or str(clock.new_id()), f"POST {request.path}"[:160], sent, f'"{version}"' if version is not None else None)
    try:
        return json.loads(carry_out(route, desk.actor, dict(path), command, call).body)
    except Replayed as replay:
        return json.loads(replay.answer.body)
