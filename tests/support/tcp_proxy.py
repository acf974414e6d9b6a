# SPDX-License-Identifier: MPL-2.0
"""A link that a test may spoil while it is in use: late, slow, swallowing, half closed, cut, refused, or cut just before an
answer. It stands between a client and a server of the loopback; threads and plain sockets, nothing else.
"""
from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.support.process import free_ports

CHUNK = 65_536
TO_SERVER, TO_CLIENT = "to the server", "to the client"


@dataclass
class Link:
    """One connection through the proxy: the client's socket and the server's."""

    client: socket.socket
    server: socket.socket
    over: threading.Event = field(default_factory=threading.Event)

    def cut(self) -> None:
        """Both ends get a reset, as from a machine that lost its memory of the connection."""
        self.over.set()
        for end in (self.client, self.server):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                end.shutdown(socket.SHUT_RD)  # wakes the thread that reads it, without saying anything to the peer
            with suppress(OSError):
                end.close()


class TcpProxy:
    """Forwards `port` to `target` of the loopback. Every setting counts at once, for connections that stand too."""

    def __init__(self, target: int, port: int | None = None) -> None:
        self.target, self.port = target, port or free_ports(1)[0]
        self.delay, self.rate = 0.0, 0
        """Seconds that each chunk is late; bytes a second in each direction (0: as fast as it goes)."""
        self.passed = {TO_SERVER: 0, TO_CLIENT: 0}
        self._clear = threading.Event()
        self._clear.set()
        self._trap = b""
        self.sprung = threading.Event()
        """Set when a trap has cut a connection."""
        self._links: list[Link] = []
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.open()

    def open(self) -> None:
        """A good link again: accepts, forwards, hides nothing. What was swallowed goes on where it stood."""
        self.delay, self.rate, self._trap = 0.0, 0, b""
        self._clear.set()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def swallow(self) -> None:
        """Accept and acknowledge everything, forward nothing: a black hole."""
        self._clear.clear()

    def refuse(self) -> None:
        """Cut every connection and accept none."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self) -> int:
        """Reset every connection; new ones are taken. Returns: how many there were."""
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            link.cut()
        return len(links)

    def half_close(self) -> int:
        """Tell every client that the server will say no more, and the server nothing. Returns: how many there were."""
        with self._lock:
            links = [link for link in self._links if not link.over.is_set()]
        for link in links:
            with suppress(OSError):
                link.client.shutdown(socket.SHUT_WR)
        return len(links)

    def cut_before_the_answer_to(self, words: bytes) -> None:
        """The next time a client says `words`, the server hears it, and the client is cut off when the answer comes."""
        self.sprung.clear()
        self._trap = words

    def close(self) -> None:
        self.refuse()
        self._clear.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(client, server)
            with self._lock:
                self._links = [each for each in self._links if not each.over.is_set()] + [link]
            trapped = threading.Event()
            for source, sink, way in ((client, server, TO_SERVER), (server, client, TO_CLIENT)):
                threading.Thread(target=self._pump, args=(link, source, sink, way, trapped), daemon=True).start()

    def _pump(self, link: Link, source: socket.socket, sink: socket.socket, way: str, trapped: threading.Event) -> None:
        try:
            while chunk := source.recv(CHUNK):
                if self.delay:
                    link.over.wait(self.delay)
                while not self._clear.wait(0.05):
                    if link.over.is_set():
                        return
                if way == TO_SERVER and self._trap and self._trap in chunk:
                    self._trap = b""
                    trapped.set()
                if way == TO_CLIENT and trapped.is_set():
                    link.cut()
                    self.sprung.set()
                    return
                self._send(link, sink, chunk)
                self.passed[way] += len(chunk)
            while not self._clear.wait(0.05):
                if link.over.is_set():
                    return
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            link.cut()

    def _send(self, link: Link, sink: socket.socket, chunk: bytes) -> None:
        if not self.rate:
            sink.sendall(chunk)
            return
        step = max(1, self.rate // 50)
        for at in range(0, len(chunk), step):
            sink.sendall(chunk[at:at + step])
            if self.rate and not link.over.is_set():
                time.sleep(min(1.0, len(chunk[at:at + step]) / self.rate))


@contextmanager
def a_link(target: int, port: int | None = None) -> Iterator[TcpProxy]:
    proxy = TcpProxy(target, port)
    try:
        yield proxy
    finally:
        proxy.close()
