# SPDX-License-Identifier: MPL-2.0
"""/healthz (the process only), /readyz (each check), /metrics (Prometheus)."""
from __future__ import annotations

from typing import Any

from flask import Flask, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST

from jobtrappen import migrate
from jobtrappen.bus import open_bus
from jobtrappen.errors import BusError, JobtrappenError, WrongSchema
from jobtrappen.parking import ALARM_SECONDS
from jobtrappen.runtime import Runtime
from jobtrappen.state import DEGRADED_SECONDS, HEARTBEAT_SECONDS, beating, state
from jobtrappen.web import exposition

__all__ = ["HEARTBEAT_SECONDS", "checks", "install", "state"]


def checks(runtime: Runtime) -> tuple[bool, dict[str, Any]]:
    """(may it serve?, {check: {status: ok|degraded|failed, …}}). A bus that is away only degrades: the web keeps accepting."""
    found: dict[str, Any] = {}
    try:
        migrate.require_head(runtime)
        found["schema"] = {"status": "ok"}
        seen = state(runtime)
    except WrongSchema as error:
        return False, {"schema": {"status": "failed", "detail": str(error)}}
    except JobtrappenError as error:
        return False, {"database": {"status": "failed", "detail": error.__class__.__name__}}
    late = seen["oldest_unpublished"] > DEGRADED_SECONDS
    found["database"] = {"status": "ok"}
    found["outbox"] = {"status": "degraded" if late else "ok", "unpublished": seen["unpublished"], "oldest_seconds": seen["oldest_unpublished"]}
    alarm = seen["kept"].get("parked") or seen["dead"] or seen["oldest_waiting"] > ALARM_SECONDS
    found["kept"] = {"status": "degraded" if alarm else "ok", **seen["kept"], "dead": seen["dead"], "oldest_waiting_seconds": seen["oldest_waiting"]}
    for role in ("relay", "consume"):
        members = beating(seen, role)
        stopped = [w["state"] for w in members if w["state"].startswith("stopped")]
        halted = stopped or [w["state"] for w in members if all(m["state"].startswith("pausing") for m in members)]
        found[role] = {"status": "degraded" if halted or not members else "ok", "members": len(members), "state": halted[0] if halted else None}
    if seen["ahead"] > HEARTBEAT_SECONDS:
        found["clock"] = {"status": "degraded", "detail": f"a heartbeat lies {seen['ahead']:.0f} s in the future: a clock was set back; ages are wrong until then"}
    try:
        bus = open_bus(runtime.settings.bus)
        bus.ping(1.0)
        bus.close()
        found["bus"] = {"status": "ok"}
    except BusError:
        found["bus"] = {"status": "degraded", "detail": "the bus does not answer; commands are kept in the outbox"}
    return True, found


def install(app: Flask, runtime: Runtime) -> None:
    @app.get("/healthz", provide_automatic_options=False)
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", provide_automatic_options=False)
    def readyz() -> tuple[Response, int]:
        ready, found = checks(runtime)
        worst = "failed" if not ready else "degraded" if any(c["status"] == "degraded" for c in found.values()) else "ok"
        return jsonify({"status": worst, "service": runtime.name, "checks": found}), 200 if ready else 503

    @app.get("/metrics", provide_automatic_options=False)
    def metrics() -> Response:
        return Response(exposition.page(runtime), content_type=CONTENT_TYPE_LATEST)
