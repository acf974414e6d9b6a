# SPDX-License-Identifier: MPL-2.0
"""Who calls, and how often that is let: sign-in by token or key, and the limits that each use counts against."""
from __future__ import annotations

from flask import current_app, request

from jobtrappen import limits, metrics
from jobtrappen.auth import key_actor
from jobtrappen.errors import NotSignedIn, TooMany
from jobtrappen.runtime import Runtime
from jobtrappen.tx import Actor


def runtime() -> Runtime:
    """The runtime of the service that answers this request."""
    return current_app.extensions["jobtrappen"]


def authenticate() -> Actor:
    """Who calls, by the Authorization header (`Bearer …`, a staff or service token, or a key `jt_…`).

    Raises:
        NotSignedIn: nobody, or a token that does not hold; it is counted.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    kind = "none" if scheme.lower() != "bearer" or not token else "key" if token.startswith("jt_") else "token"
    try:
        return _behind(kind, token)
    except NotSignedIn:
        metrics.REFUSED_TOKENS.labels(runtime().name, kind).inc()
        raise


def _behind(kind: str, token: str) -> Actor:
    if kind == "none":
        raise NotSignedIn("Send the header Authorization: Bearer <token or key>.")
    if kind == "key":
        actor = key_actor(runtime().engine, runtime().signer, token)
        within(runtime(), "key", token.split("_")[1])
        return actor
    return runtime().signer.read(token)


def within(runtime: Runtime, kind: str, who: str, counted: bool = True) -> None:
    """Count one use against a limit, or (not `counted`) only ask whether there is room.

    Raises:
        TooMany: 429; nothing was counted.
    """
    ask = runtime.limiter.take if counted else runtime.limiter.waiting
    if (wait := ask(runtime.engine, kind, who)) > 0:
        metrics.RATE_LIMITED.labels(runtime.name, kind).inc()
        limit, seconds = runtime.limiter.limits[kind], limits.whole_seconds(wait)
        raise TooMany(f"At most {limit.many} {limits.MEANING[kind]} in {limit.seconds} seconds. Repeat it in {seconds} s, with the same Idempotency-Key; "
                      f"whoever runs this service can raise JOBTRAPPEN_LIMITS ({kind}).", kind, seconds)
