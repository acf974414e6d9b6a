# SPDX-License-Identifier: MPL-2.0
"""`jobtrappen` as an operator meets it: what is wrong is said at once and with the remedy, nothing is changed by a start
that fails, and SIGTERM drains. The processes are real; run with the service `referral` alone, as its team would.
"""
from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from jobtrappen.config import PARTITIONS, Settings
from jobtrappen.errors import BadConfiguration
from tests.support.postgres import PostgresServer
from tests.support.process import free_ports, wait_until

EX_CONFIG, EX_TEMPFAIL = 78, 75
CASE = {"given_name": "Amina", "family_name": "Fiktiv", "track": "adult", "effective_date": "2026-01-05"}


@dataclass
class Home:
    """A folder for one installation, with an environment that holds nothing of this machine's."""

    folder: Path
    given: dict[str, str] = field(default_factory=dict)

    def environment(self, **changed: str) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("JOBTRAPPEN_")}
        return {**own, "JOBTRAPPEN_HOME": str(self.folder), "JOBTRAPPEN_PLUGINS": "referral", **self.given,
                **{f"JOBTRAPPEN_{name}": value for name, value in changed.items()}}

    def run(self, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "jobtrappen", *arguments], env=self.environment(**changed), cwd=self.folder,
                              capture_output=True, text=True, timeout=90)

    @contextmanager
    def running(self, *arguments: str, **changed: str) -> Iterator[subprocess.Popen[bytes]]:
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen([sys.executable, "-m", "jobtrappen", *arguments], env=self.environment(**changed), cwd=self.folder,
                                       stdout=log, stderr=log, start_new_session=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def files(self) -> dict[str, bytes]:
        """What stands there; a failed start must leave it as it was."""
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file() and path.name != "log"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with its tables and topics, to be copied."""
    made = Home(tmp_path_factory.mktemp("template"))
    for command in (("migrate", "referral"), ("topics",)):
        done = made.run(*command)
        assert done.returncode == 0, done.stderr
    return made.folder


@pytest.fixture
def migrated(home: Home, template: Path) -> Home:
    shutil.copytree(template, home.folder, dirs_exist_ok=True)
    return home


ROTTEN = {
    "a setting that is none": ({"DATBASE": "x"}, "JOBTRAPPEN_DATBASE: not a setting of Jobtrappen; see docs/operations.md"),
    "an impossible date": ({"TODAY": "2004-02-30"}, "JOBTRAPPEN_TODAY: '2004-02-30' is not a date; write it as 2004-05-25"),
    "a short secret": ({"SECRET": "short"}, "JOBTRAPPEN_SECRET: at least 32 random characters are needed"),
    "a file that is not there": ({"CPR_KEYS_FILE": "nowhere"}, "JOBTRAPPEN_CPR_KEYS_FILE: cannot be read (FileNotFoundError)"),
    "a file that is no text": ({"DATABASE_PASSWORD_FILE": "binary"}, "JOBTRAPPEN_DATABASE_PASSWORD_FILE: cannot be read (UnicodeDecodeError)"),
    "a key that is none": ({"CPR_KEYS": "2026a=abc"}, "JOBTRAPPEN_CPR_KEYS: the key 2026a is not 32 bytes in base64; make one with"),
    "pairs that are none": ({"URLS": "referral"}, "JOBTRAPPEN_URLS: write it as name=value,name=value"),
    "an address of nobody": ({"URLS": "payroll=https://x"}, "JOBTRAPPEN_URLS: payroll=https://x is not a service and its address"),
    "an unknown plugin": ({"PLUGINS": "referral,horoscope"}, "JOBTRAPPEN_PLUGINS: not installed: horoscope; installed are"),
    "another database": ({"DATABASE": "mysql://host/db", "MODE": "demo"}, "JOBTRAPPEN_DATABASE: use sqlite:///file.db or postgresql+psycopg://"),
    "a password that is nowhere": ({"DATABASE": "postgresql+psycopg://a:{password}@b/c", "MODE": "demo"}, "{password} needs JOBTRAPPEN_DATABASE_PASSWORD"),
    "another bus": ({"BUS": "amqp://host"}, "JOBTRAPPEN_BUS: use sqlite:///bus.db or kafka://host:port,host:port"),
    "a broker without a port": ({"BUS": "kafka://broker"}, "JOBTRAPPEN_BUS: 'broker' is not host:port"),
    "a misspelt option of the bus": ({"BUS": "kafka://b:1?acks=0"}, "JOBTRAPPEN_BUS: 'acks' is not known"),
    "a mode that is none": ({"MODE": "test"}, "JOBTRAPPEN_MODE: 'test' is not one of production, demo"),
    "a log level that is none": ({"LOG": "loud"}, "JOBTRAPPEN_LOG: 'loud' is not one of debug, info, warning, error"),
    "no threads": ({"THREADS": "0"}, "JOBTRAPPEN_THREADS: '0' is not a number from 1 to 999"),
    "an address without a port": ({"BIND": "localhost"}, "JOBTRAPPEN_BIND: 'localhost' is not host:port; write it as 127.0.0.1:8080"),
    "staff without a provider": ({"MODE": "production", "SECRET": "s" * 40}, "JOBTRAPPEN_OIDC_ISSUER, JOBTRAPPEN_OIDC_AUDIENCE, JOBTRAPPEN_OIDC_JWKS: not set"),
    "half a provider": ({"OIDC_ISSUER": "https://a", "OIDC_JWKS": "https://a/jwks"}, "JOBTRAPPEN_OIDC_AUDIENCE: not set"),
    "an address of neither kind": ({"ADDRESS": "both"}, "JOBTRAPPEN_ADDRESS: 'both' is not one of own, shared"),
    "a client's secret without its name": ({"OIDC_CLIENT_SECRET": "x"}, "JOBTRAPPEN_OIDC_CLIENT_SECRET: is of no use without JOBTRAPPEN_OIDC_CLIENT_ID"),
    "pages that know no provider": ({"OIDC_CLIENT_ID": "pages"}, "JOBTRAPPEN_OIDC_CLIENT_ID: needs JOBTRAPPEN_OIDC_ISSUER"),
    "a provider over an open line": ({"OIDC_CLIENT_ID": "pages", "OIDC_ISSUER": "http://a", "OIDC_AUDIENCE": "b", "OIDC_JWKS": "https://a/jwks"},
                                     "JOBTRAPPEN_OIDC_ISSUER: staff who sign in on the pages are led to http://a"),
    "keys that are not there": ({"OIDC_ISSUER": "a", "OIDC_AUDIENCE": "b", "OIDC_JWKS": "nowhere"}, "JOBTRAPPEN_OIDC_JWKS: nowhere is not a readable key set"),
    "keys over an open line": ({"OIDC_ISSUER": "a", "OIDC_AUDIENCE": "b", "OIDC_JWKS": "http://a/jwks"}, "JOBTRAPPEN_OIDC_JWKS: http://a/jwks is not encrypted"),
    "bytes that are no text": ({"SECRET": "\udcff" * 40}, "JOBTRAPPEN_SECRET: holds a line break or another character that is not printed"),
    "a line break in an address": ({"DATABASE": "postgresql+psycopg://a@b/c\n", "MODE": "demo"}, "JOBTRAPPEN_DATABASE: holds a line break"),
    "a line break in the bus": ({"BUS": "kafka://b:9092\n"}, "JOBTRAPPEN_BUS: holds a line break"),
    "a line break in a service's address": ({"URLS": "referral=https://a\nb"}, "JOBTRAPPEN_URLS: holds a line break"),
    "a colour for the terminal": ({"MEMBER": "\x1b[31m"}, "JOBTRAPPEN_MEMBER: holds a line break or another character"),
    "a port that is none": ({"DATABASE": "postgresql+psycopg://a@b:c/d", "MODE": "demo"}, "JOBTRAPPEN_DATABASE: use sqlite:///file.db or postgresql"),
    "a source that is no address": ({"SOURCE": "the town"}, "JOBTRAPPEN_SOURCE: 'the town' is not an address"),
    "a folder for a secret": ({"SECRET_FILE": "/"}, "JOBTRAPPEN_SECRET_FILE: cannot be read (IsADirectoryError)"),
    "a relay that would be ended while it sends": ({"BUS": "kafka://b:1?delivery_timeout_ms=120000"},
                                                  "JOBTRAPPEN_DATABASE_SECONDS: the database would end a relay's session after 60 s, while one record may take 120 s"),
    "a home that is a file": ({"HOME": "binary"}, "cannot be used (FileExistsError); name a folder of your own"),
}


@pytest.mark.parametrize("what", ROTTEN)
def test_a_rotten_setting_is_named_with_its_remedy(home: Home, what: str) -> None:
    (home.folder / "binary").write_bytes(b"\xff\xfe\xff")
    given, said = ROTTEN[what]
    given = {name: str(home.folder / value) if value == "binary" else value for name, value in given.items()}
    with pytest.raises(BadConfiguration) as error:
        Settings.from_env({"JOBTRAPPEN_HOME": str(home.folder), **{f"JOBTRAPPEN_{name}": value for name, value in given.items()}})
    assert any(said in line for line in str(error.value).splitlines()), str(error.value)


def test_a_broker_password_that_is_no_text_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.folder / "binary").write_bytes(b"\xff\xfe\xff")
    monkeypatch.setenv("JOBTRAPPEN_KAFKA_PASSWORD_FILE", str(home.folder / "binary"))
    with pytest.raises(BadConfiguration, match=r"JOBTRAPPEN_KAFKA_PASSWORD_FILE: cannot be read \(UnicodeDecodeError\)"):
        Settings.from_env({"JOBTRAPPEN_HOME": str(home.folder), "JOBTRAPPEN_BUS": "kafka://b:1?security_protocol=SASL_SSL&sasl_username=u"})


BROKEN = {"raises": "raise RuntimeError('no such table')", "leaves": "raise SystemExit(3)", "has a hook that is none": "import pluggy\n\n"
          "@pluggy.HookimplMarker('jobtrappen')\ndef scor(case):\n    return 1"}


@pytest.mark.parametrize("what", BROKEN)
def test_a_plugin_that_cannot_be_loaded_is_named_and_nothing_is_made(home: Home, tmp_path_factory: pytest.TempPathFactory, what: str) -> None:
    place = tmp_path_factory.mktemp("plugin")
    (place / "a_stranger.py").write_text(BROKEN[what] + "\n")
    (place / "a_stranger-1.dist-info").mkdir()
    (place / "a_stranger-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: a-stranger\nVersion: 1\n")
    (place / "a_stranger-1.dist-info" / "entry_points.txt").write_text("[jobtrappen]\nstranger = a_stranger\n")
    home.given["PYTHONPATH"] = str(place)
    done = home.run("migrate", "referral", PLUGINS="referral,stranger", SECRET="s" * 40)
    assert done.returncode == EX_CONFIG and "Traceback" not in done.stderr
    assert "JOBTRAPPEN_PLUGINS: stranger cannot be loaded (" in done.stderr and "mend it or leave it out" in done.stderr
    assert home.files() == {}


def test_a_database_in_a_place_that_cannot_be_written_is_told(home: Home) -> None:
    done = home.run("migrate", "referral", DATABASE="sqlite:////proc/{service}.db", MODE="demo", SECRET="s" * 40)
    assert done.returncode == EX_CONFIG and "Traceback" not in done.stderr
    assert "a file or folder cannot be used" in done.stderr and home.files() == {}


def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_made(home: Home) -> None:
    given = {name: value for changed, _said in ROTTEN.values() for name, value in changed.items() if name not in ("HOME", "DATABASE_PASSWORD_FILE")}
    given |= {"SECRET": "short", "SECRET_FILE": "nowhere", "CPR_KEYS": "2026a=abc", "MODE": "production", "OIDC_JWKS": "http://a/jwks", "BUS": "amqp://host"}
    given.pop("CPR_KEYS_FILE")
    done = home.run("serve", "referral", **given)
    assert done.returncode == EX_CONFIG
    first, *lines = done.stderr.splitlines()
    assert first == "Jobtrappen cannot start:"
    named = {line.split(":")[0] for line in lines}
    assert named == {f"JOBTRAPPEN_{name}" for name in ("DATBASE", "TODAY", "SECRET", "SECRET_FILE", "CPR_KEYS", "URLS", "PLUGINS", "DATABASE", "BUS", "LOG",
                                                      "THREADS", "BIND", "ADDRESS", "OIDC_ISSUER", "OIDC_JWKS", "MEMBER", "SOURCE")}
    assert "short" not in done.stderr and "abc" not in done.stderr, "a secret is repeated"
    assert home.files() == {}


def test_a_secret_that_is_given_twice_is_refused(home: Home) -> None:
    (home.folder / "file").write_text("t" * 40)
    done = home.run("migrate", SECRET="s" * 40, SECRET_FILE=str(home.folder / "file"))
    assert (done.returncode, done.stderr.splitlines()[1:]) == (EX_CONFIG, ["JOBTRAPPEN_SECRET: given twice, also as JOBTRAPPEN_SECRET_FILE; keep one"])


def test_a_service_that_is_not_installed_is_refused_by_name(home: Home) -> None:
    done = home.run("migrate", "payroll")
    assert done.returncode == EX_CONFIG
    assert "No such service is installed: payroll; installed are referral" in done.stderr


def test_the_embedded_secret_is_made_once_for_the_owner_alone(home: Home) -> None:
    found: list[str] = []
    together = threading.Barrier(8)

    def read() -> None:
        together.wait()
        found.append(Settings.from_env({"JOBTRAPPEN_HOME": str(home.folder)}).secret)

    started = [threading.Thread(target=read) for _ in range(8)]
    for each in started:
        each.start()
    for each in started:
        each.join()
    secret = home.folder / "secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert set(found) == {secret.read_text()} and len(found) == 8 and len(found[0]) >= 32
    assert list(home.files()) == ["secret"]


def test_a_taken_port_is_told_before_anything_starts(migrated: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        done = migrated.run("serve", "referral", BIND=bind)
    assert done.returncode == EX_CONFIG
    assert f"JOBTRAPPEN_BIND: {bind} is taken or not an address of this machine; name another" in done.stderr


@pytest.mark.parametrize("command", ["serve", "relay", "consume"])
def test_another_migration_head_is_refused_with_the_command_that_mends_it(migrated: Home, command: str) -> None:
    with sqlite3.connect(migrated.folder / "referral.db") as database:
        database.execute("UPDATE alembic_version_referral SET version_num = '0001'")
    database.close()
    before = migrated.files()
    done = migrated.run(command, "referral", BIND=f"127.0.0.1:{free_ports(1)[0]}")
    assert done.returncode == EX_CONFIG
    assert "referral's database is at revision 0001, this code needs" in done.stderr and "Run `jobtrappen migrate referral`." in done.stderr
    assert {n: b for n, b in migrated.files().items() if not n.endswith(("-shm", "-wal"))} == before


@pytest.mark.parametrize("command", ["serve", "relay", "consume", "migrate"])
def test_a_database_that_is_away_at_start_is_told_and_nothing_is_changed(migrated: Home, command: str) -> None:
    port = free_ports(1)[0]
    before = migrated.files()
    done = migrated.run(command, "referral", DATABASE=f"postgresql+psycopg://referral:hidden-word@127.0.0.1:{port}/referral", MODE="demo")
    assert done.returncode == EX_TEMPFAIL, done.stderr
    assert "The database does not answer: " in done.stderr and str(port) in done.stderr
    assert "Nothing was changed. Look at JOBTRAPPEN_DATABASE and at the server, then start again." in done.stderr
    assert "Traceback" not in done.stderr and "hidden-word" not in done.stderr
    assert migrated.files() == before


@pytest.mark.kafka
@pytest.mark.parametrize("command", [("relay", "referral"), ("consume", "referral"), ("topics",)])
def test_a_bus_that_is_away_at_start_is_told_and_nothing_is_changed(migrated: Home, command: tuple[str, ...]) -> None:
    port = free_ports(1)[0]
    before = migrated.files()
    done = migrated.run(*command, BUS=f"kafka://127.0.0.1:{port}?bootstrap_timeout_ms=1000")
    assert done.returncode == EX_TEMPFAIL, done.stderr
    assert f"The bus does not answer: Kafka at 127.0.0.1:{port}" in done.stderr
    assert "Nothing was changed. Look at JOBTRAPPEN_BUS and at the broker, then start again." in done.stderr
    assert "Traceback" not in done.stderr
    assert {n: b for n, b in migrated.files().items() if not n.endswith(("-shm", "-wal"))} == before


def test_topics_that_are_missing_are_told_with_the_command_that_makes_them(home: Home) -> None:
    assert home.run("migrate", "referral").returncode == 0
    done = home.run("relay", "referral")
    assert done.returncode == EX_CONFIG
    assert "jobtrappen topics" in done.stderr


def test_topics_makes_what_is_missing_once(home: Home) -> None:
    for _twice in range(2):
        done = home.run("topics")
        assert (done.returncode, done.stdout) == (0, f"5 topics with {PARTITIONS} partitions each\n"), done.stderr


def test_plugins_names_what_is_loaded_and_which_hooks_it_fills(home: Home) -> None:
    done = home.run("plugins")
    assert done.returncode == 0
    loaded = {line.split()[0]: {hook.strip(",") for hook in line.split()[1:]} for line in done.stdout.splitlines()}
    assert {"service", "report", "referral_source"} <= loaded["referral"]
    assert "bus_backend" in loaded["jobtrappen.bus.kafka"] and "bus_backend" in loaded["jobtrappen.bus.sqlite"]
    assert "matching" not in loaded and "origin_statistic" not in loaded


def test_migrating_twice_is_a_no_op(migrated: Home) -> None:
    def tables() -> list[tuple[str, ...]]:
        with sqlite3.connect(migrated.folder / "referral.db") as database:
            return database.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()

    before = tables()
    done = migrated.run("migrate", "referral")
    assert done.returncode == 0
    assert done.stdout.startswith("referral: at ")
    assert tables() == before and len(before) > 20


def two_at_once(home: Home, **changed: str) -> list[tuple[int, str]]:
    """Exit codes and errors of three migrations that start together."""
    started = [subprocess.Popen([sys.executable, "-m", "jobtrappen", "migrate", "referral"], env=home.environment(**changed), stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True) for _ in range(3)]
    return [(process.wait(), error) for process in started for error in [process.communicate(timeout=90)[1]]]


def test_migrations_that_start_together_wait_for_each_other(home: Home) -> None:
    assert two_at_once(home) == [(0, "")] * 3


@pytest.mark.postgres
def test_migrations_that_start_together_wait_for_each_other_on_postgresql(home: Home, postgres_server: PostgresServer) -> None:
    url = postgres_server.create_database(f"together_{uuid4().hex[:8]}")
    assert two_at_once(home, DATABASE=url, MODE="demo") == [(0, "")] * 3


def test_sigterm_lets_the_web_server_end_what_it_has_begun(migrated: Home) -> None:
    port = free_ports(1)[0]
    base = f"http://127.0.0.1:{port}"
    with migrated.running("serve", "referral", BIND=f"127.0.0.1:{port}") as process:
        wait_until(lambda: answers(base), 60, f"the web server: {migrated.log}")
        token = requests.post(f"{base}/v1/sign-in", json={"username": "karen", "password": "karen"}, timeout=10).json()["token"]
        found: list[int] = []

        def load() -> None:
            """Commands one after the other, until the server takes no more."""
            while True:
                try:
                    found.append(requests.post(f"{base}/v1/cases", json=CASE, timeout=20, headers={
                        "Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}).status_code)
                except requests.RequestException:
                    return

        clients = [threading.Thread(target=load) for _ in range(3)]
        for client in clients:
            client.start()
        wait_until(lambda: len(found) > 10, 30, f"commands: {found}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(25) == 0, migrated.log
        for client in clients:
            client.join(25)
        assert set(found) == {201}
    with sqlite3.connect(migrated.folder / "referral.db") as database:
        assert database.execute("SELECT count(*) FROM outbox WHERE payload LIKE '%case.opened%' AND topic = 'jobtrappen.referral'").fetchone()[0] >= len(found)


@pytest.mark.parametrize("command", ["relay", "consume", "work"])
def test_sigterm_drains_a_worker_within_seconds(migrated: Home, command: str) -> None:
    with migrated.running(command, "referral") as process:
        role = {"relay": "relay", "consume": "consume", "work": "consume"}[command]
        wait_until(lambda: migrated.run("alive", role, "referral").returncode == 0 or process.poll() is not None, 60, f"a heartbeat: {migrated.log}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0, migrated.log


def test_alive_says_when_no_worker_beats(migrated: Home) -> None:
    done = migrated.run("alive", "relay", "referral")
    assert (done.returncode, done.stderr) == (1, "Error: no relay of referral has beaten on this host in the last 30 s\n")


def test_demo_log_ins_are_refused_in_production(migrated: Home) -> None:
    (migrated.folder / "keys.json").write_text('{"keys": []}')
    port = free_ports(1)[0]
    base = f"http://127.0.0.1:{port}"
    given = {"MODE": "production", "SECRET": (migrated.folder / "secret").read_text(), "OIDC_ISSUER": "https://login.example", "OIDC_AUDIENCE": "jobtrappen",
             "OIDC_JWKS": str(migrated.folder / "keys.json"), "BIND": f"127.0.0.1:{port}"}
    with migrated.running("serve", "referral", **given):
        wait_until(lambda: answers(base), 60, f"the web server: {migrated.log}")
        answer = requests.post(f"{base}/v1/sign-in", json={"username": "karen", "password": "karen"}, timeout=10)
    assert answer.status_code == 401
    assert "JOBTRAPPEN_MODE=demo only" in answer.json()["detail"]


def test_a_report_that_nobody_has_is_told_with_those_that_are_there(migrated: Home) -> None:
    done = migrated.run("report", "table-9", "--as-of", "2004-05-25")
    assert done.returncode == 1
    assert "No report is called table-9; there are table-6." in done.stderr
    wrong = migrated.run("report", "table-6", "--as-of", "2004-05-32")
    assert wrong.returncode == 2 and "--as-of: '2004-05-32'" in wrong.stderr and "Traceback" not in wrong.stderr


def answers(base: str) -> bool:
    try:
        return requests.get(f"{base}/readyz", timeout=5).status_code == 200
    except requests.RequestException:
        return False
