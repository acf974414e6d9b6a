# SPDX-License-Identifier: MPL-2.0
"""Everything that can go wrong, as one tree; one place maps it to HTTP and one to parking.

JobtrappenError
├── Rejected            the caller's input cannot be taken          HTTP 4xx, nothing changed
│   ├── Invalid         a field is missing or wrong                 422
│   ├── NotSignedIn     nobody, or an expired or foreign token      401
│   ├── Forbidden       this role or organisation may not           403
│   ├── NotFound        no such thing for this caller               404
│   │   └── NotYet      the event that makes it is still on its way 404 + Retry-After; a reaction: wait
│   ├── Conflict        the state does not allow it                 409 + the allowed actions
│   ├── Stale           If-Match is another version                 412 + the present version
│   ├── TooMany         over a limit                                429 + Retry-After
│   └── Precondition    If-Match or Idempotency-Key is missing      428, 400
├── Unavailable         disk full, database away                    503; a reaction: pause and retry
│   └── KeyMissing      sealed with a key that is not here          503; a reaction: pause and retry
├── Poison              an event that can never be applied          park at once
├── Fenced              another member moved the position           roll back, read the position again
├── BusError            the bus did not confirm or cannot be read   pause and retry
│   └── LogInRefused    the broker is there and lets nobody in      exit 78 at start; later as BusError
├── BadConfiguration    the process must not start                  exit 78
└── WrongSchema         the database is not at this code's head     exit 78
"""
from __future__ import annotations

from typing import Any


class JobtrappenError(Exception):
    """Root of the tree."""


class Rejected(JobtrappenError):
    """The caller can mend it. `extra` goes into the RFC 9457 body beside type, title, status and detail."""

    status = 400
    slug = "rejected"
    title = "The request was not accepted"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail, self.extra = detail, extra
        self.headers: dict[str, str] = {}


class Invalid(Rejected):
    """Raises 422. `errors` is a list of {"field": dotted name, "detail": what is wrong and the remedy}."""

    status, slug, title = 422, "invalid", "A field is missing or wrong"

    def __init__(self, field: str | None = None, detail: str = "", errors: list[dict[str, str]] | None = None) -> None:
        found = errors or [{"field": field or "", "detail": detail}]
        super().__init__("; ".join(f"{e['field']}: {e['detail']}" for e in found), errors=found)


class NotSignedIn(Rejected):
    status, slug, title = 401, "not-signed-in", "Sign in first"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.headers["WWW-Authenticate"] = 'Bearer realm="jobtrappen"'


class Forbidden(Rejected):
    status, slug, title = 403, "forbidden", "Your role does not allow this"


class NotFound(Rejected):
    status, slug, title = 404, "not-found", "There is nothing here for you"


class NotYet(NotFound):
    """The thing belongs to an event that has not arrived; asking again soon is right."""

    slug, title = "not-yet", "This service has not heard of it yet"

    def __init__(self, what: str) -> None:
        super().__init__(f"No {what} is known here yet. Ask again in a moment.", what=what)
        self.headers["Retry-After"] = "1"


class Conflict(Rejected):
    status, slug, title = 409, "conflict", "The present state does not allow this"


class Stale(Rejected):
    status, slug, title = 412, "stale", "Somebody changed it since you read it"


class Precondition(Rejected):
    """`status` is 428 for If-Match and 400 for Idempotency-Key."""

    slug, title = "precondition", "A request header is missing"
    case = ""
    """Which case a purpose is asked for; a page asks in its own way."""

    def __init__(self, status: int, header: str, remedy: str) -> None:
        super().__init__(f"The header {header} is missing or malformed. {remedy}", header=header)
        self.status = status


class TooLarge(Rejected):
    status, slug, title = 413, "too-large", "The body is too large"


class TooMany(Rejected):
    """Nothing was done; the same command may be repeated after `seconds`."""

    status, slug, title = 429, "too-many", "That was too often"

    def __init__(self, detail: str, limit: str, seconds: int) -> None:
        super().__init__(detail, limit=limit)
        self.headers["Retry-After"] = str(seconds)


class Unavailable(JobtrappenError):
    """Nothing was changed; the same request may be repeated with the same Idempotency-Key."""


class KeyMissing(Unavailable):
    """A value is sealed with a key that this process does not have; it heals when the key is configured again."""


class Poison(JobtrappenError):
    """This event can never be applied here; a person must look."""


class Fenced(JobtrappenError):
    """Another member of this consumer has moved the position past this record."""


class BusError(JobtrappenError):
    """The bus is away or did not confirm; what was sent may or may not be there."""


class LogInRefused(BusError):
    """The broker answers, but not to this user or not in this way; says what to look at."""


class BadConfiguration(JobtrappenError):
    """Lists every setting that is wrong, one a line, with the remedy."""


class WrongSchema(JobtrappenError):
    """The database's migration head is not the one that this code was written for."""


def not_yet(what: str) -> Any:
    """Raise NotYet; reads well after `or` in a reaction (`tx.find(...) or not_yet("course")`)."""
    raise NotYet(what)
