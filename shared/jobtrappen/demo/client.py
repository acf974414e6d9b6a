# SPDX-License-Identifier: MPL-2.0
"""The demo's way in: the public HTTP APIs, as a partner's developer would use them with any HTTP library."""
from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import requests

from jobtrappen.errors import JobtrappenError

PATIENCE_SECONDS = 60.0
NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


class DemoFailed(JobtrappenError):
    """An answer that the demo did not expect; says which command and what was answered."""


def again(call: Callable[[], requests.Response], tries: int = 3) -> requests.Response:
    """A kept-alive connection may be closed by the server just as it is used; the same key makes repeating it safe."""
    for _ in range(tries - 1):
        with contextlib.suppress(requests.ConnectionError):
            return call()
    return call()


@dataclass
class Session:
    """One loader thread's connections and the tokens that it may use."""

    urls: dict[str, str]
    tokens: dict[str, str]
    seed: str
    count: Callable[[], None] = lambda: None
    patience: float = PATIENCE_SECONDS
    """Seconds to wait for what another service must hear first."""
    local: threading.local = field(default_factory=threading.local)
    """One HTTP connection pool a thread."""

    def _http(self) -> requests.Session:
        if not hasattr(self.local, "http"):
            self.local.http = requests.Session()
            self.local.http.trust_env = False  # a proxy of the environment is not for the loopback
        return self.local.http

    def get(self, who: str, service: str, path: str, **params: Any) -> Any:
        """A read's JSON; None for 404. A service that asks for patience (503) gets it."""
        deadline = time.monotonic() + self.patience
        while (answer := self._read(who, service, path, params)).status_code in (429, 503) and time.monotonic() < deadline:
            time.sleep(0.2)
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise DemoFailed(f"GET {service} {path} answered {answer.status_code}: {answer.text[:400]}")
        return answer.json()

    def _read(self, who: str, service: str, path: str, params: dict[str, Any]) -> requests.Response:
        return again(lambda: self._http().get(f"{self.urls[service]}/v1{path}", params=params, timeout=60,
                                              headers={"Authorization": f"Bearer {self.tokens[who]}"}))

    def wait_for(self, what: str, look: Callable[[], Any]) -> Any:
        """Ask until there is something: what another service must hear of by event."""
        deadline = time.monotonic() + self.patience
        pause = 0.02
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            time.sleep(pause)
            pause = min(pause * 1.5, 0.4)
        raise DemoFailed(f"waited {self.patience:.0f} s for {what}; is a relay or consumer down?")

    def key(self, service: str, path: str, name: str) -> str:
        """The Idempotency-Key of a command: the same on every run."""
        return str(uuid.uuid5(NAMESPACE, f"{self.seed}:{service}:{path}:{name}"))

    def post(self, who: str, service: str, path: str, body: Any, *, name: str, on: Thing | None = None, content_type: str = "application/json") -> Thing:
        """One command with its own fixed key, so that a second run is answered and changes nothing.

        What the service has not heard of yet (404 with Retry-After, or a state that an event will change) is asked again.
        """
        key = self.key(service, path, name)
        deadline, pause = time.monotonic() + self.patience, 0.03
        while True:
            headers = {"Authorization": f"Bearer {self.tokens[who]}", "Idempotency-Key": key, "Content-Type": content_type}
            if on is not None:
                headers["If-Match"] = on.etag
            sent = {"data": body} if isinstance(body, bytes) else {"json": body}
            answer = again(partial(self._http().post, f"{self.urls[service]}/v1{path}", headers=headers, timeout=60, **sent))  # type: ignore[arg-type]
            if answer.status_code in (200, 201):
                self.count()
                return Thing(answer.json(), answer.headers.get("ETag", ""))
            soon = answer.status_code in (409, 503) or "Retry-After" in answer.headers or (answer.status_code == 412 and on is not None)
            if not soon or time.monotonic() > deadline:
                raise DemoFailed(f"POST {service} {path} ({name}) answered {answer.status_code}: {answer.text[:600]}")
            if answer.status_code == 412 and on is not None:
                on.etag = f'"{answer.json()["version"]}"'
            else:
                time.sleep(pause)
                pause = min(pause * 1.5, 0.4)


@dataclass
class Thing:
    """An answer: the document and the version that a next change must name."""

    document: dict[str, Any]
    etag: str

    @property
    def id(self) -> str:
        return str(self.document["id"])

    def now(self, other: Thing) -> None:
        """The thing as its latest command answered it."""
        self.document, self.etag = other.document, other.etag


def sign_in(urls: dict[str, str], names: list[str]) -> dict[str, str]:
    """Tokens of the demo's log-ins, from the public sign-in."""
    tokens = {}
    with requests.Session() as http:
        http.trust_env = False
        for name in names:
            answer = http.post(f"{urls['referral']}/v1/sign-in", json={"username": name, "password": name}, timeout=30)
            if answer.status_code != 200:
                raise DemoFailed(f"{name} could not sign in: {answer.status_code} {answer.text[:300]}")
            tokens[name] = answer.json()["token"]
    return tokens
