# SPDX-License-Identifier: MPL-2.0
"""What a `kafka://` URL says, checked before any client is made."""
from __future__ import annotations

import os
import socket
import ssl
import sys
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from jobtrappen.errors import BadConfiguration, BusError

_FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")
_TEXTS = ("security_protocol", "sasl_mechanism", "sasl_username", *_FILES)
_NUMBERS = {"session_timeout_ms": 10_000, "request_timeout_ms": 10_000, "delivery_timeout_ms": 15_000,
            "bootstrap_timeout_ms": 10_000, "replication": -1}
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


@dataclass(frozen=True)
class KafkaUrl:
    """`kafka://host:port[,host:port][?name=value&…]`; the password comes from the environment, never from here."""

    servers: tuple[str, ...]
    security: dict[str, Any]
    numbers: dict[str, int]
    """session_timeout_ms: a member killed hard is replaced after it (a heartbeat goes out at each third);
    request_timeout_ms, delivery_timeout_ms: how long one request and one record may take;
    bootstrap_timeout_ms: how long a new client looks for a broker; replication: -1 is the broker's default."""

    @classmethod
    def parse(cls, url: str) -> KafkaUrl:
        """Raises BadConfiguration with everything that is wrong, one a line."""
        where, _, query = url.removeprefix("kafka://").partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        servers = tuple(s for s in where.rstrip("/").split(",") if s)
        wrong = [f"{s!r} is not host:port" for s in servers if not _is_address(s)]
        wrong += [] if servers else ["no host:port is named"]
        texts = {name: options.pop(name) for name in _TEXTS if name in options}
        numbers = dict(_NUMBERS)
        for name in _NUMBERS.keys() & options.keys():
            text = options.pop(name)
            if text.isdecimal() and int(text) > 0:
                numbers[name] = int(text)
            else:
                wrong.append(f"{name}={text!r} is not a whole number above zero")
        wrong += [f"{name!r} is not known; there are {', '.join((*_TEXTS, *_NUMBERS))}" for name in options]
        if numbers["delivery_timeout_ms"] <= numbers["request_timeout_ms"]:
            wrong.append("delivery_timeout_ms must be larger than request_timeout_ms")
        security = _security(texts, wrong)
        if wrong:
            raise BadConfiguration("\n".join(f"JOBTRAPPEN_BUS: {each}" for each in wrong))
        return cls(servers, security, numbers)

    def why_refused(self, timeout: float = 3.0) -> str:
        """Why no client could be made though a broker is there, with the remedy; "" when none is there.

        kafka-python itself says "timeout" to a wrong password as to a broker that is away."""
        for server in self.servers:
            host, _, port = server.rpartition(":")
            try:
                with socket.create_connection((host.strip("[]"), int(port)), timeout=timeout) as line:
                    if self.security["security_protocol"].endswith("SSL"):
                        self.tls().wrap_socket(line, server_hostname=host.strip("[]")).close()
            except ssl.SSLCertVerificationError as error:
                return (f"its certificate is not trusted ({error.verify_message}). Look at ssl_cafile, and whether the certificate names {host}")
            except (ssl.SSLError, ConnectionResetError) as error:
                return f"it does not speak TLS here, or wants a certificate of ours ({error.__class__.__name__}). Look at security_protocol, ssl_certfile, ssl_keyfile"
            except OSError:
                continue
            if user := self.security.get("sasl_plain_username"):
                return (f"it answers, and does not let {user} in: the password is wrong, the user is not there, or it wants another security_protocol or "
                        "sasl_mechanism. Look at sasl_username in JOBTRAPPEN_BUS and at JOBTRAPPEN_KAFKA_PASSWORD (or the file that "
                        "JOBTRAPPEN_KAFKA_PASSWORD_FILE names)")
            return f"it answers, but not to security_protocol={self.security['security_protocol']}; name the one of its listener in JOBTRAPPEN_BUS"
        return ""

    def tls(self) -> ssl.SSLContext:
        """Verifies the broker's certificate and its host name; there is no setting that turns this off."""
        made = ssl.create_default_context(cafile=self.security.get("ssl_cafile"))
        if certificate := self.security.get("ssl_certfile"):
            made.load_cert_chain(certificate, self.security.get("ssl_keyfile"))
        return made

    def knock(self, timeout: float) -> None:
        """Open and close one TCP connection. Raises BusError when no server takes it within `timeout` seconds."""
        until = time.monotonic() + timeout
        tried = []
        for n, server in enumerate(self.servers):
            host, _, port = server.rpartition(":")
            share = (until - time.monotonic()) / (len(self.servers) - n)
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout=max(share, 0.01)).close()
                return
            except OSError as error:
                tried.append(f"{server}: {error}")
        raise BusError("Kafka does not answer: " + "; ".join(tried))


def refuse_gevent() -> None:
    """kafka-python's own threads starve under gevent. Raises BadConfiguration when it patched the thread module."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        raise BadConfiguration("JOBTRAPPEN_BUS: Kafka does not run under gevent; start without its monkey patches")


def _is_address(server: str) -> bool:
    host, colon, port = server.rpartition(":")
    return bool(host and colon) and "@" not in server and "/" not in server and port.isdecimal()


def _security(texts: dict[str, str], wrong: list[str]) -> dict[str, Any]:
    protocol = texts.setdefault("security_protocol", "SASL_SSL" if "sasl_mechanism" in texts else "PLAINTEXT")
    if protocol not in _PROTOCOLS:
        wrong.append(f"security_protocol={protocol!r} is none of {', '.join(_PROTOCOLS)}")
    wrong += [f"{name}: there is no file {texts[name]}" for name in _FILES
              if name in texts and not os.path.isfile(texts[name])]
    if not protocol.startswith("SASL_"):
        if "sasl_mechanism" in texts or "sasl_username" in texts:
            wrong.append(f"sasl_mechanism and sasl_username have no meaning with security_protocol={protocol}")
        return texts
    texts.setdefault("sasl_mechanism", "SCRAM-SHA-512")
    texts["sasl_plain_username"] = texts.pop("sasl_username", "")
    texts["sasl_plain_password"] = _password()
    if not texts["sasl_plain_username"] or not texts["sasl_plain_password"]:
        wrong.append(f"{protocol} needs sasl_username, and a password in JOBTRAPPEN_KAFKA_PASSWORD or in the file "
                     "that JOBTRAPPEN_KAFKA_PASSWORD_FILE names")
    return texts


def _password() -> str:
    if path := os.environ.get("JOBTRAPPEN_KAFKA_PASSWORD_FILE"):
        try:
            with open(path, encoding="utf-8") as file:
                return file.read().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BadConfiguration(f"JOBTRAPPEN_KAFKA_PASSWORD_FILE: cannot be read ({error.__class__.__name__})") from error
    return os.environ.get("JOBTRAPPEN_KAFKA_PASSWORD", "")
