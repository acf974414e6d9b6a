# SPDX-License-Identifier: MPL-2.0
"""A small HTTP load generator: one process, some keep-alive connections, each sends its next request when it has the answer
to the one before (a closed loop).

Its limits: it shares the machine's cores with the servers (about 50 µs a request), so both sides' rates are lower than they
would be from another machine; it knows only answers with Content-Length; it measures what these connections can pull, not
what happens when more come than can be served.
"""
from __future__ import annotations

import pickle
import re
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Told:
    """What a round of load saw. `milliseconds` of every single request."""

    seconds: float
    statuses: dict[int, int]
    milliseconds: list[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.milliseconds) / self.seconds


def request(method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def fire(port: int, requests: list[bytes], connections: int) -> Told:
    """Send all requests from a process of its own and wait for the answers."""
    done = subprocess.run([sys.executable, "-m", "tests.bench.load"], input=pickle.dumps((port, requests, connections)), stdout=subprocess.PIPE,
                          check=True, cwd=Path(__file__).parents[2])
    return Told(*pickle.loads(done.stdout))


def _fire(port: int, requests: list[bytes], connections: int) -> Told:
    selector = selectors.DefaultSelector()
    waiting = list(reversed(requests))
    statuses: Counter[int] = Counter()
    milliseconds: list[float] = []
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    for each in sockets:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began = time.perf_counter()
    for each in sockets:
        selector.register(each, selectors.EVENT_READ, _Turn(each, waiting))
    while selector.get_map():
        for key, _ in selector.select(30):
            turn: _Turn = key.data
            status = turn.read()
            if status:
                statuses[status] += 1
                milliseconds.append((time.perf_counter() - turn.sent) * 1000)
                if not turn.send(waiting):
                    selector.unregister(key.fileobj)
    seconds = time.perf_counter() - began
    for each in sockets:
        each.close()
    return Told(seconds, dict(statuses), milliseconds)


class _Turn:
    """One connection and the request that it waits for."""

    def __init__(self, connection: socket.socket, waiting: list[bytes]) -> None:
        self.connection, self.sent, self.got = connection, 0.0, b""
        self.send(waiting)

    def send(self, waiting: list[bytes]) -> bool:
        if not waiting:
            return False
        self.got, self.sent = b"", time.perf_counter()
        self.connection.sendall(waiting.pop())
        return True

    def read(self) -> int:
        """The status, once the whole answer is there; 0 before."""
        chunk = self.connection.recv(65536)
        if not chunk:
            raise ConnectionError(f"the server closed the connection after {self.got[:200]!r}")
        self.got += chunk
        head, mark, body = self.got.partition(b"\r\n\r\n")
        length: Any = LENGTH.search(head)
        return int(head[9:12]) if mark and length and len(body) >= int(length[1]) else 0


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(astuple(_fire(*pickle.loads(sys.stdin.buffer.read())))))
