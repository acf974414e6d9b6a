# SPDX-License-Identifier: MPL-2.0
"""TLS by configuration, against real servers: with the right authority everything works, with another one or under another name
nothing is said to the server, and the refusal names the setting."""
from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import requests

from jobtrappen.bus import Record, open_bus
from jobtrappen.errors import LogInRefused
from tests.conftest import missing
from tests.integration.test_the_command_line import Home
from tests.support.kafka import KafkaCluster
from tests.support.postgres import PostgresServer
from tests.support.process import Missing, answers, free_ports, wait_until
from tests.support.tls import Authority

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Open to all, because nginx and PostgreSQL leave root behind; the keys in it are not."""
    made = Path(tempfile.mkdtemp(prefix="jobtrappen-tls-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def right(folder: Path) -> Authority:
    return Authority(folder, "right")


@pytest.fixture(scope="module")
def wrong(folder: Path) -> Authority:
    return Authority(folder, "wrong")


class SecureKafka(KafkaCluster):
    """The same broker, its one listener SASL_SSL with PEM files."""

    def __init__(self, right: Authority) -> None:
        super().__init__(passwords={"admin": "admin-secret"})
        certificate, key = right.certificate("broker", ["127.0.0.1"])
        self.store, self.trusted = right.folder / "broker-store.pem", right.path
        self.store.write_bytes(key.read_bytes() + certificate.read_bytes())

    def _properties(self, node: int) -> str:
        text = super()._properties(node).replace("SASL_PLAINTEXT", "SASL_SSL").replace("sasl_plaintext", "sasl_ssl")
        return text + "\n".join(["ssl.keystore.type=PEM", f"ssl.keystore.location={self.store}", "ssl.truststore.type=PEM",
                                 f"ssl.truststore.location={self.trusted}", ""])

    def run(self) -> None:
        self._format(1)
        self._run(1)
        self._wait(1)


@pytest.fixture(scope="module")
def broker(right: Authority) -> Iterator[int]:
    try:
        made = SecureKafka(right)
    except Missing as why:
        missing(why)
    made.run()
    yield int(made.servers.rpartition(":")[2])
    made.stop()


def bus_url(port: int, authority: Authority | None, host: str = "127.0.0.1", protocol: str = "SASL_SSL") -> str:
    trusted = f"&ssl_cafile={authority.path}" if authority else ""
    return f"kafka://{host}:{port}?security_protocol={protocol}&sasl_username=admin&bootstrap_timeout_ms=3000{trusted}"


@pytest.mark.kafka
def test_events_go_over_a_link_that_the_right_authority_vouches_for(broker: int, right: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBTRAPPEN_KAFKA_PASSWORD", "admin-secret")
    with closing(open_bus(bus_url(broker, right).replace("3000", "20000"))) as bus:
        bus.ensure_topics({"jobtrappen.secure": 1})
        with closing(bus.producer("secure")) as producer:
            assert producer.send([Record("jobtrappen.secure", b"key", b"value", ())]) == [None]
        with closing(bus.subscribe("secure", ["jobtrappen.secure"], lambda _topic, _partition: 0)) as subscription:
            found: list[Record] = []
            wait_until(lambda: bool(found) or bool(found.extend(subscription.poll(0.2))), 30, "the record")
            assert [record.value for record in found] == [b"value"]


@pytest.mark.kafka
@pytest.mark.parametrize(("trusted", "host", "said"), [
    ("wrong", "127.0.0.1", "its certificate is not trusted (unable to get local issuer certificate). Look at ssl_cafile"),
    ("", "127.0.0.1", "its certificate is not trusted"),
    ("right", "localhost", "its certificate is not trusted (Hostname mismatch, certificate is not valid for 'localhost'.)"),
], ids=["another authority", "the system's authorities", "another name"])
def test_a_broker_that_nobody_vouches_for_is_refused_with_the_reason(broker: int, right: Authority, wrong: Authority, monkeypatch: pytest.MonkeyPatch,
                                                                     trusted: str, host: str, said: str) -> None:
    monkeypatch.setenv("JOBTRAPPEN_KAFKA_PASSWORD", "admin-secret")
    with pytest.raises(LogInRefused) as error, closing(open_bus(bus_url(broker, {"right": right, "wrong": wrong}.get(trusted), host))) as bus:
        bus.ends(["jobtrappen.secure"])
    assert said in str(error.value) and "admin-secret" not in str(error.value)


@pytest.mark.kafka
def test_the_broker_takes_no_open_link_and_a_command_says_so_with_78(broker: int, wrong: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBTRAPPEN_KAFKA_PASSWORD", "admin-secret")
    with pytest.raises(LogInRefused, match="it wants another security_protocol"), closing(open_bus(bus_url(broker, None, protocol="SASL_PLAINTEXT"))) as bus:
        bus.ends(["jobtrappen.secure"])
    done = Home(tmp_path, {"JOBTRAPPEN_KAFKA_PASSWORD": "admin-secret", "JOBTRAPPEN_MODE": "demo"}).run("topics", BUS=bus_url(broker, wrong))
    assert done.returncode == 78 and "Look at ssl_cafile" in done.stderr, done.stderr


@pytest.fixture(scope="module")
def database(right: Authority) -> Iterator[PostgresServer]:
    try:
        made = PostgresServer.start()
    except Missing as why:
        missing(why)
    certificate, key = right.certificate("database", ["127.0.0.1"])
    data = made._folder / "data"
    owner = data.stat()
    for source, name in ((certificate, "server.crt"), (key, "server.key")):
        shutil.copy(source, data / name)
        os.chown(data / name, owner.st_uid, owner.st_gid)
        (data / name).chmod(0o600)
    with psycopg.connect(made._dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE referral")
        connection.execute("CREATE ROLE knock LOGIN PASSWORD 'knock-secret'")
        connection.execute("ALTER SYSTEM SET ssl = on")
        (data / "pg_hba.conf").write_text("hostssl all knock 127.0.0.1/32 scram-sha-256\nhostssl all all 127.0.0.1/32 trust\n")
        connection.execute("SELECT pg_reload_conf()")
    wait_until(lambda: _refuses_open_links(made._port), 30, "PostgreSQL to speak TLS alone")
    yield made
    made.stop()


def _refuses_open_links(port: int) -> bool:
    try:
        psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres", sslmode="disable").close()
    except psycopg.OperationalError as error:
        return "pg_hba.conf" in str(error)
    return False


@pytest.mark.postgres
def test_a_database_is_reached_over_tls_with_the_right_authority_and_refused_otherwise(database: PostgresServer, right: Authority, wrong: Authority, tmp_path: Path) -> None:
    def migrate(options: str, host: str = "127.0.0.1", user: str = "postgres") -> subprocess.CompletedProcess[str]:
        return Home(tmp_path).run("migrate", "referral", DATABASE=f"postgresql+psycopg://{user}@{host}:{database._port}/referral?{options}", MODE="demo")

    done = migrate(f"sslmode=verify-full&sslrootcert={right.path}")
    assert done.returncode == 0, done.stderr
    for options, host, user, said in [
        (f"sslmode=verify-full&sslrootcert={wrong.path}", "127.0.0.1", "postgres", "certificate verify failed"),
        (f"sslmode=verify-full&sslrootcert={right.path}", "localhost", "postgres", 'does not match host name "localhost"'),
        (f"sslmode=verify-full&sslrootcert={right.path}", "127.0.0.1", "knock:another", 'password authentication failed for user "knock"'),
    ]:
        done = migrate(options, host, user)
        assert done.returncode == 78, (options, done.stderr)
        first, line, remedy = done.stderr.splitlines()[-3:]
        assert first == "Jobtrappen cannot start:" and line.startswith("JOBTRAPPEN_DATABASE: ") and said in line, done.stderr
        assert "Look at" in remedy and ("sslrootcert" in remedy) == ("password" not in said) and "another" not in done.stderr


@pytest.fixture(scope="module")
def proxy(folder: Path, right: Authority) -> Iterator[int]:
    """nginx with deploy/proxy/nginx.conf and, mounted, deploy/proxy/tls.conf."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if nginx is None:
        missing(Missing("nginx is not installed. Install it (Debian: apt-get install nginx-light); no running nginx is needed."))
    mounted, scratch = folder / "mounted", folder / "scratch"
    mounted.mkdir()
    scratch.mkdir()
    open_port, port, ocsp = free_ports(3)
    certificate, key = right.certificate("proxy", ["localhost"], ocsp=f"http://127.0.0.1:{ocsp}")
    (mounted / "certificate.pem").write_bytes(certificate.read_bytes() + right.path.read_bytes())
    shutil.copy(key, mounted / "key.pem")
    for name, place in (("nginx.conf", scratch), ("tls.conf", mounted)):
        text = (ROOT / "deploy/proxy" / name).read_text().replace("/etc/nginx/tls/", f"{mounted}/").replace("pid /tmp/", f"pid {scratch}/")
        text = text.replace("path /tmp/", f"path {scratch}/").replace("listen 8080;", f"listen 127.0.0.1:{open_port};").replace("listen 8443 ", f"listen 127.0.0.1:{port} ")
        (place / name).write_text(text)
    with open(scratch / "log", "ab") as log:
        process = subprocess.Popen([nginx, "-c", str(scratch / "nginx.conf"), "-g", "daemon off;"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_until(lambda: answers(port) or process.poll() is not None, 30, "nginx")
    assert process.poll() is None, (scratch / "log").read_text()
    with right.telling(certificate, ocsp):
        yield port
    process.terminate()
    process.wait(30)


def test_the_proxy_speaks_tls_where_its_file_is_mounted(proxy: int, right: Authority, wrong: Authority) -> None:
    answer = requests.get(f"https://localhost:{proxy}/healthz", verify=str(right.path), timeout=30)
    assert answer.json() == {"status": "ok"}
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert answer.headers["X-Content-Type-Options"] == "nosniff", "TLS takes no other header away"
    for authority, host in ((wrong, "localhost"), (right, "127.0.0.1")):
        with pytest.raises(requests.exceptions.SSLError, match="certificate verify failed"):
            requests.get(f"https://{host}:{proxy}/healthz", verify=str(authority.path), timeout=30)


def test_the_proxy_refuses_old_versions_of_tls(proxy: int, right: Authority) -> None:
    def speak(version: ssl.TLSVersion) -> str | None:
        context = ssl.create_default_context(cafile=right.path)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # this machine's own policy must not be what refuses
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", proxy), timeout=30) as line, context.wrap_socket(line, server_hostname="localhost") as secure:
            return secure.version()

    assert speak(ssl.TLSVersion.TLSv1_2) == "TLSv1.2" and speak(ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            speak(version)


def test_the_proxy_brings_its_authoritys_word_that_its_certificate_is_not_revoked(proxy: int, right: Authority) -> None:
    def word() -> str:
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy}", "-servername", "localhost", "-CAfile", str(right.path), "-status"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60).stdout

    wait_until(lambda: "OCSP Response Status: successful" in word(), 30, "the proxy to have asked")
    assert "Cert Status: good" in word()
