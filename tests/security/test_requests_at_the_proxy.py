# SPDX-License-Identifier: MPL-2.0
"""Requests that two servers could read differently, sent byte by byte to the real proxy and to the web server behind it: none
brings a second request in unseen, none is answered 5xx, and the proxy and the service go on. What the proxy says by itself is as
guarded as what a service says, and whom it names in its log can be shut out."""
from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from jobtrappen.web.app import HEADERS
from tests.conftest import missing
from tests.integration.test_the_command_line import Home
from tests.support.process import Missing, free_ports, wait_until
from tests.support.runbook import by_hand

ROOT = Path(__file__).parents[2]
REFUSED = {400, 403, 404, 405, 408, 411, 413, 414, 415, 431, 501, 505}
"""501 and 505 are what the standard has for an unknown transfer coding and version; every other 5xx is a fault."""


@dataclass
class Site:
    folder: Path
    doors: dict[str, tuple[int, str]]
    """{name: (port, what stands before /v1)}"""
    token: str
    proxy: subprocess.Popen[bytes]
    away: int
    """The port where partners would be."""

    def refused(self) -> list[dict[str, object]]:
        """The proxy's own log of what was refused."""
        return [json.loads(line) for line in (self.folder / "nginx" / "refused").read_text().splitlines()]

    def table(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.folder / "referral.db")) as database:
            return database.execute(query).fetchall()

    def state(self) -> list[tuple[object, ...]]:
        return [self.table(f"SELECT count(*) FROM {name}")[0] for name in ("citizen", "audit", "outbox", "answer")]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if nginx is None:
        missing(Missing("nginx is not installed. Install it (Debian: apt-get install nginx-light); no running nginx is needed."))
    folder = Path(tempfile.mkdtemp(prefix="jobtrappen-proxy-"))
    folder.chmod(0o755)
    home = Home(folder)
    assert home.run("migrate", "referral").returncode == 0
    web, proxy, away = free_ports(3)
    scratch = folder / "nginx"
    scratch.mkdir(mode=0o755)
    text = (ROOT / "deploy/proxy/nginx.conf").read_text().replace("/tmp/", f"{scratch}/").replace("listen 8080;", f"listen 127.0.0.1:{proxy};")
    text = text.replace("http://partners-web:8080", f"http://127.0.0.1:{away}")
    text = re.sub(r"http://[a-z]+-web:8080", f"http://127.0.0.1:{web}", text).replace("client_header_timeout 10s", "client_header_timeout 2s")
    (scratch / "nginx.conf").write_text(text)
    with home.running("serve", "referral", BIND=f"127.0.0.1:{web}", ADDRESS="shared"), open(scratch / "log", "ab") as log, open(scratch / "refused", "ab") as refused:
        process = subprocess.Popen([nginx, "-c", str(scratch / "nginx.conf"), "-g", "daemon off;"], stdin=subprocess.DEVNULL, stdout=refused, stderr=log)
        try:
            wait_until(lambda: _healthy(f"http://127.0.0.1:{proxy}/henvisning"), 60, f"{home.log} {(scratch / 'log').read_text()}")
            token = requests.post(f"http://127.0.0.1:{web}/v1/sign-in", json={"username": "karen", "password": "karen"}, timeout=60).json()["token"]
            yield Site(folder, {"proxy": (proxy, "/henvisning"), "service": (web, "")}, token, process, away)
        finally:
            process.terminate()
            process.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


def _healthy(base: str) -> bool:
    try:
        return requests.get(f"{base}/healthz", timeout=10).json() == {"status": "ok"}
    except (requests.RequestException, ValueError):
        return False


def talk(port: int, sent: bytes, quiet: float = 0.7, patience: float = 12.0) -> bytes:
    """Everything that comes back, until the server closes or has said something and then nothing more for `quiet` seconds."""
    got, began = b"", time.monotonic()
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as line:
        with suppress(OSError):  # a server may close before it has heard all of a request that it refuses
            line.sendall(sent)
        line.settimeout(quiet)
        while time.monotonic() - began < patience:
            try:
                more = line.recv(65536)
            except TimeoutError:
                if got or time.monotonic() - began > 3 * quiet:  # it waits for more of the body; that is no harm
                    break
                continue
            except OSError:
                break
            if not more:
                break
            got += more
    return got


def statuses(answer: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3})", answer)]


def a_case(before: str, token: str, key: str) -> bytes:
    """A whole command that leaves a trace in the database when it is done."""
    body = json.dumps({"given_name": "Smuggled", "family_name": "Fiktiv", "track": "adult"}).encode()
    return (f"POST {before}/v1/cases HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body


def outer(before: str, headers: bytes, body: bytes, end: bytes = b"\r\n", start: str = "POST {}/v1/sign-in") -> bytes:
    """A request whose framing is in `headers`; it changes nothing, whatever becomes of it."""
    return (f"{start.format(before)} HTTP/1.1".encode() + end + b"Host: localhost" + end + b"Content-Type: application/json" + end
            + headers.replace(b"\r\n", end) + end + end + body)


def framings(inner: bytes) -> dict[str, tuple[bytes, bytes]]:
    """{name: (framing headers, body)}; each body hides `inner` from one of two readers."""
    ended, size = b"0\r\n\r\n" + inner, f"{len(inner):x}".encode()
    chunk = size + b"\r\n" + inner + b"\r\n0\r\n\r\n"
    whole, te = str(len(ended)).encode(), b"Transfer-Encoding: chunked"
    found = {
        "length and chunked": (b"Content-Length: " + whole + b"\r\n" + te, ended),
        "chunked and a short length": (te + b"\r\nContent-Length: 4", chunk),
        "two lengths": (b"Content-Length: 0\r\nContent-Length: " + str(len(inner)).encode(), inner),
        "two lengths, the long one first": (b"Content-Length: " + str(len(inner)).encode() + b"\r\nContent-Length: 0", inner),
        "two lengths in one line": (b"Content-Length: 0, " + str(len(inner)).encode(), inner),
        "a length with a sign": (b"Content-Length: +0", inner), "a length below zero": (b"Content-Length: -1", inner),
        "a length in hex": (b"Content-Length: 0x0", inner), "a length with a blank": (b"Content-Length: 0 0", inner),
        "a length that overflows": (b"Content-Length: 18446744073709551616", inner),
        "a length before a colon and a blank": (b"Content-Length : 0\r\n" + te, ended),
        "a chunk of size below zero": (te, b"-1\r\n\r\n" + inner), "a chunk size with a prefix": (te, b"0x0\r\n\r\n" + inner),
        "a chunk size that overflows": (te, b"10000000000000000\r\n\r\n" + inner), "a chunk size with an underscore": (te, b"0_0\r\n\r\n" + inner),
        "a chunk without its end": (te, b"1\r\nAA0\r\n\r\n" + inner), "chunks that end with a bare line feed": (te, b"0\n\n" + inner),
        "an extension with a bare line feed": (te, b"1;a=\nb\r\nA\r\n0\r\n\r\n" + inner), "an extension of 100 KB": (te, b"1;" + b"a" * 100_000 + b"\r\nA\r\n0\r\n\r\n" + inner),
        "a bare carriage return in a header": (b"A: b\rTransfer-Encoding: chunked\r\nContent-Length: " + whole, ended),
        "a null in a header": (b"A: b\x00\r\n" + te + b"\r\nContent-Length: " + whole, ended),
        "a folded header": (b"A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: " + whole, ended),
        "a header without a colon": (b"Transfer-Encoding chunked\r\nContent-Length: " + whole, ended),
        "an underscore for a dash": (b"Transfer_Encoding: chunked\r\nContent-Length: " + whole, ended),
    }
    for name, value in {"xchunked": b" xchunked", "a vertical tab": b" \x0bchunked", "quotes": b' "chunked"', "identity after it": b" chunked, identity",
                        "identity before it": b" identity, chunked", "chunked twice": b" chunked, chunked", "a comma": b" , chunked", "a semicolon": b" chunked;a=b",
                        "a null": b" chunked\x00", "gzip": b" gzip, chunked", "nothing": b"", "a blank line end": b" chunked \t", "capitals": b" cHuNkEd"}.items():
        found[f"transfer-encoding with {name}"] = (b"Content-Length: " + whole + b"\r\nTransfer-Encoding:" + value, ended)
    found["transfer-encoding on two lines"] = (b"Content-Length: " + whole + b"\r\n" + te + b"\r\nTransfer-Encoding: identity", ended)
    found["transfer-encoding before a blank"] = (b"Content-Length: " + whole + b"\r\nTransfer-Encoding : chunked", ended)
    return found


@pytest.mark.parametrize("start", ["POST {}/v1/sign-in", "GET {}/healthz"], ids=["body read", "body not read"])
@pytest.mark.parametrize("door", ["proxy", "service"])
def test_no_framing_brings_a_second_request_in(site: Site, door: str, start: str) -> None:
    port, before = site.doors[door]
    names = list(framings(b""))
    state = site.state()

    def send(n: int) -> bytes:
        headers, body = framings(a_case(before, site.token, f"smuggled-{door}-{start[0]}-{n}"))[names[n]]
        return talk(port, outer(before, headers, body, start=start))

    with ThreadPoolExecutor(12) as pool:
        answers = dict(zip(names, pool.map(send, range(len(names))), strict=True))
    done = {str(key).rsplit("-", 1)[1] for (key,) in site.table(f"SELECT key FROM answer WHERE key LIKE 'smuggled-{door}-{start[0]}-%'")}
    assert {names[int(n)] for n in done} <= PLAIN[door], "another reader would not have seen these"
    strange = {name: found for name, answer in answers.items() for found in [statuses(answer)] if not set(found) <= REFUSED | {200, 401, 422, 201}
               or (201 in found) != (str(names.index(name)) in done)}
    assert strange == {}
    assert len(done) == sum(now[0] - was[0] for now, was in zip(site.state()[:1], state[:1], strict=True))
    assert _healthy(f"http://127.0.0.1:{port}{before}")


PLAIN = {"proxy": {"an extension of 100 KB", "chunks that end with a bare line feed"}, "service": set()}
"""What a door reads as two requests, one after the other, as the client plainly sent them. An extension of any length is legal. nginx
takes a bare line feed at the end of a chunk; it frames each request anew for the service, so both see the same two. A further
proxy in front of nginx must refuse it, as the service itself does."""


@pytest.mark.parametrize("door", ["proxy", "service"])
def test_bare_line_feeds_in_place_of_line_ends_smuggle_nothing(site: Site, door: str) -> None:
    port, before = site.doors[door]
    for n, framing in enumerate((b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Content-Length: 0\r\nContent-Length: 9")):
        answer = talk(port, outer(before, framing, b"0\r\n\r\n" + a_case(before, site.token, f"feeds-{door}-{n}"), end=b"\n"))
        assert set(statuses(answer)) <= REFUSED, answer[:300]
    assert site.table(f"SELECT key FROM answer WHERE key LIKE 'feeds-{door}-%'") == []


@pytest.mark.parametrize("door", ["proxy", "service"])
def test_the_test_sees_a_second_request_that_is_plainly_there(site: Site, door: str) -> None:
    """Pipelining is legal; so this is what a smuggled request would look like in the database."""
    port, before = site.doors[door]
    answer = talk(port, outer(before, b"Content-Length: 2", b"{}") + a_case(before, site.token, f"control-{door}"), quiet=2.0)
    assert statuses(answer) == [422, 201]
    assert site.table(f"SELECT key FROM answer WHERE key = 'control-{door}'") == [(f"control-{door}",)]


@pytest.mark.parametrize("door", ["proxy", "service"])
def test_pipelined_requests_are_answered_each_in_its_order(site: Site, door: str) -> None:
    port, before = site.doors[door]
    sent = b"".join(f"GET {before}/{'healthz' if n % 2 else f'v1/nothing-{n}'} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for n in range(8))
    assert statuses(talk(port, sent, quiet=2.0)) == [404, 200] * 4


def oversized(before: str) -> dict[str, bytes]:
    get = f"GET {before}/healthz HTTP/1.1\r\nHost: localhost\r\n".encode()
    return {
        "a header of 9 KB": get + b"X-Long: " + b"a" * 9_000 + b"\r\n\r\n", "a header of 33 KB": get + b"X-Long: " + b"a" * 33_000 + b"\r\n\r\n",
        "a header of 5 MB": get + b"X-Long: " + b"a" * 5_000_000 + b"\r\n\r\n", "a header's name of 9 KB": get + b"X" * 9_000 + b": a\r\n\r\n",
        "10,000 headers": get + b"".join(b"X-%d: a\r\n" % n for n in range(10_000)) + b"\r\n",
        "a token of 20 KB": get + b"Authorization: Bearer " + b"a" * 20_000 + b"\r\n\r\n",
        "a URL of 9 KB": f"GET {before}/v1/cases?after={'a' * 9_000} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
        "a URL of 5 KB": f"GET {before}/v1/cases?after={'a' * 5_000} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
        "a URL of 1 MB": f"GET {before}/{'a' * 1_000_000} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
        "a method of 9 KB": b"A" * 9_000 + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n", "a host of 9 KB": f"GET {before}/healthz HTTP/1.1\r\nHost: {'a' * 9_000}\r\n\r\n".encode(),
        "no end of the header": get + b"a" * 100_000, "nothing but line ends": b"\r\n" * 50_000, "binary": bytes(range(256)) * 40 + b"\r\n\r\n",
        "a preface of another version": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "a version that is none": f"GET {before}/healthz HTTP/9.9\r\nHost: localhost\r\n\r\n".encode(),
        "two hosts": f"GET {before}/healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".encode(),
    }


@pytest.mark.parametrize("door", ["proxy", "service"])
def test_what_is_too_large_or_no_http_is_refused_and_never_a_5xx(site: Site, door: str) -> None:
    port, before = site.doors[door]
    given = oversized(before)
    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(given, pool.map(lambda sent: talk(port, sent), given.values()), strict=True))
    harmless = {"two hosts", "nothing but line ends"}
    assert {name: answer[:200] for name, answer in answers.items() if not set(statuses(answer)) <= REFUSED | ({200} if name in harmless else set())} == {}
    said = {name: statuses(answer)[:1] for name, answer in answers.items()}
    assert said["a URL of 5 KB"] == said["a URL of 9 KB"] == [414] and said["a header of 9 KB"] in ([400], [431]), said
    assert _healthy(f"http://127.0.0.1:{port}{before}")


def test_slow_senders_hold_nobody_up_and_are_closed(site: Site) -> None:
    """Sixty senders that never end their header; the service has four threads."""
    port, before = site.doors["proxy"]
    lines = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(60)]
    try:
        for n, line in enumerate(lines):
            line.sendall(f"POST {before}/v1/sign-in HTTP/1.1\r\nHost: localhost\r\n".encode() + (b"Content-Length: 50\r\n\r\n{" if n % 2 else b"X-Slow: "))
        assert all(_healthy(f"http://127.0.0.1:{port}{before}") for _ in range(10))
        for line in lines[::2]:
            with suppress(ConnectionResetError):
                while line.recv(4096):
                    pass  # the proxy closes it by itself, or this waits in vain and times out
    finally:
        for line in lines:
            line.close()
    assert _healthy(f"http://127.0.0.1:{port}{before}")


def headers(answer: bytes) -> dict[str, list[str]]:
    """{name in small letters: every value that came}"""
    found: dict[str, list[str]] = {}
    for line in answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        found.setdefault(name.strip().lower(), []).append(value.strip())
    return found


GUARDS = {name.lower(): [value] for name, value in HEADERS.items()}
ATTACHED = ['attachment; filename="api.json"']
HTML = ["text/html; charset=utf-8"]


def own_answers() -> dict[str, tuple[int, bytes, list[str]]]:
    """{what nobody but the proxy, or the web server behind it, says: (status, request, content type)}"""
    get = "GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n".format
    return {
        "its health": (200, get("/healthz", "").encode(), ["application/json"]), "the way to the first page": (303, get("/", "").encode(), HTML),
        "a path of nobody": (404, get("/nowhere", "").encode(), HTML), "metrics": (404, get("/henvisning/metrics", "").encode(), HTML),
        "a service that is away": (502, get("/partnere/healthz", "").encode(), HTML), "no HTTP": (400, b"no http\r\n\r\n", HTML),
        "a header too long": (400, get("/henvisning/healthz", f"X-Long: {'a' * 9_000}\r\n").encode(), HTML),
        "a URL too long for the proxy": (414, get(f"/{'a' * 9_000}", "").encode(), HTML),
        "a URL too long for the service's web server": (414, get(f"/henvisning/v1/cases?after={'a' * 5_000}", "").encode(), HTML),
        "a body too large": (413, get("/henvisning/v1/sign-in", "Content-Length: 9000000\r\n").replace("GET", "POST").encode(), HTML),
        "a transfer coding that is none": (501, get("/henvisning/healthz", "Transfer-Encoding: gzip\r\n").encode(), HTML),
    }


@pytest.mark.parametrize("what", own_answers())
def test_what_the_proxy_says_by_itself_is_guarded_as_a_services_answers_are(site: Site, what: str) -> None:
    status, sent, kind = own_answers()[what]
    answer = talk(site.doors["proxy"][0], sent)
    found = headers(answer)
    assert statuses(answer) == [status], answer[:300]
    assert {name: found.get(name) for name in GUARDS} == GUARDS
    assert found["content-type"] == kind and found.get("content-disposition") == (ATTACHED if kind == ["application/json"] else None)


def test_what_a_service_says_of_its_answer_stands_and_comes_once(site: Site) -> None:
    def found(door: str, path: str) -> dict[str, list[str]]:
        port, before = site.doors[door]
        answer = talk(port, f"GET {before}{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {site.token}\r\nX-Request-Id: one\r\n\r\n".encode())
        return {name: values for name, values in headers(answer).items() if name not in ("server", "date", "connection", "keep-alive")}

    for path in ("/healthz", "/v1/openapi.json", "/v1/cases", "/v1/nothing", "/v1/reports/table-6?format=csv"):
        at_the_proxy = found("proxy", path)
        assert at_the_proxy == found("service", path) and {name: at_the_proxy.get(name) for name in GUARDS} == GUARDS, path


def test_pages_behind_the_one_address_lead_to_themselves_and_to_each_other(site: Site) -> None:
    base = f"http://127.0.0.1:{site.doors['proxy'][0]}"
    karen = requests.Session()
    door = karen.get(base, timeout=10)
    assert (door.url, door.status_code) == (f"{base}/henvisning/sign-in", 200) and 'action="/henvisning/sign-in"' in door.text and 'href="/partnere/sign-in"' in door.text
    token = re.findall(r'name="csrf_token" value="([^"]+)"', door.text)[0]
    home = karen.post(door.url, data={"csrf_token": token, "username": "karen", "password": "karen"}, timeout=10)
    assert (home.url, home.status_code) == (f"{base}/henvisning/", 200)
    assert re.findall(r'href="(/[a-z]+/)"', home.text.partition("jt-services")[2].partition("</ul>")[0]) == ["/henvisning/", "/matchning/", "/opfoelgning/", "/partnere/"]
    inner = re.findall(r'(?:href|src|action)="(/[^"]*)"', home.text)
    assert inner and {address.split("/")[1] for address in inner} == {"henvisning", "matchning", "opfoelgning", "partnere"}
    assert karen.get(base + next(a for a in inner if "theme.css" in a), timeout=10).status_code == 200
    assert karen.get(base, timeout=10).url == f"{base}/henvisning/"
    assert [cookie.path for cookie in karen.cookies] == ["/"], "one cookie for all four"


@pytest.mark.parametrize("name", ["X-Forwarded-Prefix", "X-Forwarded-Host", "X-Forwarded-Proto"])
def test_what_a_browser_says_of_the_address_is_not_heard(site: Site, name: str) -> None:
    answer = talk(site.doors["proxy"][0], f"GET /henvisning/cases HTTP/1.1\r\nHost: localhost\r\n{name}: //elsewhere.example\r\n\r\n".encode())
    assert statuses(answer) == [401] and b"elsewhere.example" not in answer and b'action="/henvisning/sign-in"' in answer


def test_a_policy_of_a_services_own_page_is_not_touched(site: Site) -> None:
    """A small server in the place of one that is away says other things of its page than the proxy would."""
    own = {"Content-Security-Policy": "default-src 'self'", "Cache-Control": "max-age=60", "Content-Type": "text/html; charset=utf-8"}
    with socket.create_server(("127.0.0.1", site.away)) as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(talk, site.doors["proxy"][0], b"GET /partnere/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        line, _address = server.accept()
        with line:
            line.recv(65536)
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + "".join(f"{name}: {value}\r\n" for name, value in own.items()).encode() + b"\r\nok")
            found = headers(asked.result(30))
    assert {name: found.get(name) for name in GUARDS} == GUARDS | {"content-security-policy": ["default-src 'self'"], "cache-control": ["max-age=60"]}
    assert found["content-type"] == HTML and "content-disposition" not in found


def test_whom_the_log_of_refusals_names_can_be_shut_out(site: Site) -> None:
    """Address, status, time and the request's id; nothing of the URL, which may hold what is nobody else's business."""
    def ask(address: str, path: str, token: str = site.token) -> int:
        with closing(socket.create_connection(("127.0.0.1", site.doors["proxy"][0]), timeout=10, source_address=(address, 0))) as line:
            line.sendall(f"GET /henvisning{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Request-Id: asked-by-{address[-1]}\r\n"
                         f"Authorization: Bearer {token}\r\n\r\n".encode())
            return statuses(line.recv(65536))[0]

    before = len(site.refused())
    assert [ask("127.0.0.2", "/v1/cases?after=a-secret", "a-guess"), ask("127.0.0.3", "/v1/cases"), ask("127.0.0.3", "/v1/nothing")] == [401, 200, 404]
    wait_until(lambda: len(site.refused()) > before, 10, "the line")
    [line] = site.refused()[before:]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", str(line.pop("time")))
    assert line == {"event": "refused", "address": "127.0.0.2", "status": 401, "request_id": "asked-by-2"}

    by_hand("R-shut-out")
    file = site.folder / "nginx" / "nginx.conf"
    text = file.read_text()
    file.write_text(text.replace("http {\n", "http {\n    deny 127.0.0.2;\n", 1))
    site.proxy.send_signal(signal.SIGHUP)
    wait_until(lambda: ask("127.0.0.2", "/v1/cases") == 403, 20, "the address to be shut out")
    assert ask("127.0.0.3", "/v1/cases") == 200
    file.write_text(text)
    site.proxy.send_signal(signal.SIGHUP)
    wait_until(lambda: ask("127.0.0.2", "/v1/cases") == 200, 20, "the address to be let in again")
