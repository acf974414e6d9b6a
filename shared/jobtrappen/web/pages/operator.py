# SPDX-License-Identifier: MPL-2.0
"""The operator's page: the same facts as `jobtrappen doctor`, `parked` and `dead`. For the administrator alone; no person is on it."""
from __future__ import annotations

from typing import Any

from flask import request, url_for

from jobtrappen import dead, parking, roles
from jobtrappen.runtime import Runtime
from jobtrappen.state import HEARTBEAT_SECONDS, state
from jobtrappen.web.pages import words
from jobtrappen.web.pages.site import Desk, Page

MOST = 200
"""How many kept records and dead letters are shown; the CLI lists all."""


def pages(runtime: Runtime) -> list[Page]:
    return [Page("/operation", "operator", show, roles.ADMIN), Page("/operation/kept/<int:id>/<string:act>", "operate", act, roles.ADMIN, ("POST",)),
            Page("/operation/dead/<int:id>/drop", "drop_dead", drop_dead, roles.ADMIN, ("POST",))]


def show(desk: Desk) -> str:
    """What an operator watches of this service."""
    seen = state(desk.runtime)
    workers = [{**w, "beats": w["age"] < HEARTBEAT_SECONDS} for w in sorted(seen["workers"], key=lambda w: (w["role"], w["member"]))]
    kept, letters = parking.listing(desk.runtime), dead.listing(desk.runtime)
    return desk.show("operator.html", seen=seen, workers=workers, kept=kept[:MOST], kept_in_all=len(kept), letters=letters[:MOST], letters_in_all=len(letters),
                     lags=sorted(seen["lag"].items()))


def act(desk: Desk, id: int, act: str) -> Any:
    """Ask the consumer to try a kept record again now, or give it up."""
    if act == "retry":
        parking.ask_again(desk.runtime, id, desk.actor)
        return desk.go(url_for("operator"), words._("It will be tried again in a moment."))
    if act == "drop" and request.form.get("sure") == "yes":
        parking.drop(desk.runtime, id, desk.actor)
        return desk.go(url_for("operator"), words._("It is given up; the audit log keeps that you did."))
    return desk.go(url_for("operator"), words._("Nothing was changed."))


def drop_dead(desk: Desk, id: int) -> Any:
    """Take a dead letter off the list."""
    dead.drop(desk.runtime, id, desk.actor)
    return desk.go(url_for("operator"), words._("It is off the list; on its topic it stays."))
