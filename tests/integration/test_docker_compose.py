# SPDX-License-Identifier: MPL-2.0
"""Everything that docker-compose.yml says is run here without Docker: each container's real command, environment, secrets,
healthcheck and order, against a real Kafka with the file's own settings and a real PostgreSQL with the file's own init
script. A key that neither a test before it has applied nor UNTESTED lists fails test_no_key_of_the_file_is_left_out, so
run the whole file.

With JOBTRAPPEN_PLUGINS set, only the containers of the services that it names are run.
"""
from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import requests

from jobtrappen import plugins
from jobtrappen.config import PATHS, SERVICES
from tests.conftest import missing
from tests.support.compose import ROOT, ComposeKafka, Containers, Dockerfile, Reading
from tests.support.postgres import PostgresServer
from tests.support.process import Missing, free_ports, tail, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]
FILE = ROOT / "docker-compose.yml"
LOG_INS = [(login, database) for login in SERVICES for database in (*SERVICES, "postgres", "template1")]
UNTESTED = {
    "x-*": "anchors: what they hold is read where it is merged",
    "services.*.restart": "the engine starts a container again; that a process may be killed and started is the chaos suite's",
    "services.*.init": "the engine's first process",
    "services.*.read_only": "needs the engine's file system",
    "services.*.tmpfs": "needs the engine's file system",
    "services.*.cap_drop": "needs the engine's rights; the image's user is checked in the Dockerfile",
    "services.*.security_opt": "needs the engine's rights",
    "services.*.build": "no engine builds here; what the Dockerfile installs is installed, and its COPY lines are checked",
    "services.proxy.user": "needs the engine; nginx's own user is used",
    "services.postgres.shm_size": "the engine's shared memory",
    "services.kafka.healthcheck.[!t]*": "the launcher waits for the broker in its own way; the check itself is run",
    "services.kafka.healthcheck.timeout": "a Java program on a busy test machine would miss it",
    "services.postgres.healthcheck.[!t]*": "the launcher waits for the server in its own way; the check itself is run",
    "services.postgres.healthcheck.timeout": "the check is run without a limit",
    "services.kafka.stop_grace_period": "the broker here is the launcher's, which kills it",
    "services.postgres.stop_grace_period": "the server here is the launcher's, which stops it at once",
}


def services() -> list[str]:
    """Those to run: all four, or the ones that JOBTRAPPEN_PLUGINS allows."""
    found = [name for name in SERVICES if name in plugins.services()]
    assert os.environ.get("JOBTRAPPEN_PLUGINS") or found == list(SERVICES), f"only {found} are installed"
    return found


@pytest.fixture(scope="module")
def file() -> Reading:
    return Reading(FILE, {})


@pytest.fixture(scope="module")
def dockerfile() -> Dockerfile:
    return Dockerfile(ROOT / "Dockerfile")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Open to all, because nginx and PostgreSQL leave root behind."""
    made = Path(tempfile.mkdtemp(prefix="jobtrappen-compose-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def secrets(folder: Path) -> Path:
    """What `make secrets` makes."""
    made = folder / "secrets"
    for _twice in range(2):
        subprocess.run([sys.executable, str(ROOT / "deploy/make_secrets.py"), str(made)], check=True, capture_output=True)
    assert made.stat().st_mode & 0o777 == 0o700
    return made


@pytest.fixture(scope="module")
def kafka(file: Reading, folder: Path, secrets: Path) -> Iterator[ComposeKafka]:
    environment = file.take("services", "kafka", "environment")
    given = folder / "secrets-kafka"
    given.mkdir()
    for name in file.take("services", "kafka", "secrets"):
        shutil.copy(secrets / Path(file.take("secrets", name, "file")).name, given / name)
    try:
        broker = ComposeKafka(environment, given)
    except Missing as why:
        missing(why)
    broker.run()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def postgres(file: Reading, secrets: Path) -> Iterator[PostgresServer]:
    """With passwords, as the image has it: the launcher's own trust ends with the first reload."""
    try:
        server = PostgresServer.start()
    except Missing as why:
        missing(why)
    password = secrets / Path(file.take("services", "postgres", "environment", "POSTGRES_PASSWORD_FILE")).name
    with psycopg.connect(host="127.0.0.1", port=server._port, user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("ALTER ROLE postgres PASSWORD {}").format(password.read_text()))
        (server._folder / "data" / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        connection.execute("SELECT pg_reload_conf()")
    yield server
    server.stop()


def connect(server: PostgresServer, secrets: Path, login: str, database: str, password: str | None = None) -> psycopg.Connection:
    name = "postgres_password" if login == "postgres" else f"{login}_database_password"
    return psycopg.connect(host="127.0.0.1", port=server._port, user=login, dbname=database, password=password or (secrets / name).read_text())


@pytest.fixture(scope="module")
def containers(file: Reading, dockerfile: Dockerfile, folder: Path, secrets: Path, kafka: ComposeKafka, postgres: PostgresServer) -> Iterator[Containers]:
    """Both servers initialised and healthy; nothing of ours runs yet."""
    made = Containers(file, dockerfile, folder, dockerfile.install(folder), secrets,
                      {"kafka:9092": kafka.servers, "postgres:5432": f"127.0.0.1:{postgres._port}"})
    init = folder / "init.sql"
    script, _, place = file.take("services", "postgres", "volumes")[1].partition(":")
    assert place == "/docker-entrypoint-initdb.d:ro"
    init.write_text("\n".join(made.mapped("postgres", path.read_text()) for path in sorted((ROOT / script).glob("*.sql"))))
    done = subprocess.run([postgres._binaries / "psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(postgres._port), "-U", "postgres", "-f", str(init)],
                          env={**os.environ, "PGPASSWORD": (secrets / "postgres_password").read_text()}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    yield made
    made.close()


@pytest.fixture(scope="module")
def running(containers: Containers, file: Reading) -> Containers:
    """Every container of the wanted services started in the file's own order, each when what it waits for is so."""
    wanted = [name for name in file.names("services") if name == "topics" or name.rsplit("-", 1)[0] in services()]
    while wanted:
        ready = [name for name in wanted if not set(file.take("services", name, "depends_on", default={})) & set(wanted)]
        assert ready, f"these wait for each other: {wanted}"
        for name in ready:
            for other, how in file.take("services", name, "depends_on", default={}).items():
                if how["condition"] == "service_healthy" and other not in ("kafka", "postgres"):
                    containers.wait_healthy(other)
            if "healthcheck" in file.document["services"][name]:
                containers.start(name)
            else:
                done = containers.once(name)
                assert done.returncode == 0, (name, done.stdout, done.stderr)
            wanted.remove(name)
    for name in list(containers.processes):
        containers.wait_healthy(name)
    return containers


@pytest.fixture(scope="module")
def proxy(running: Containers, file: Reading, folder: Path) -> Iterator[str]:
    """nginx with the file's own configuration. Its address."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None or shutil.which("wget") is None:
        missing(Missing("nginx or wget is not installed. Install them (Debian: apt-get install nginx-light wget); no running nginx is needed."))
    source, place, _mode = file.take("services", "proxy", "volumes")[0].split(":")
    assert place == "/etc/nginx/nginx.conf"
    scratch = folder / "proxy"
    scratch.mkdir()
    port = running.port("proxy")
    text = running.mapped("proxy", (ROOT / source).read_text()).replace("/tmp/", f"{scratch}/")
    (scratch / "nginx.conf").write_text(text.replace("listen 8080;", f"listen 127.0.0.1:{port};"))
    _nginx, *arguments = file.take("services", "proxy", "entrypoint")
    running.launch("proxy", [found, "-c", str(scratch / "nginx.conf"), *arguments], dict(os.environ))
    assert set(file.take("services", "proxy", "depends_on")) == {f"{name}-web" for name in SERVICES}
    running.wait_healthy("proxy")
    yield f"http://127.0.0.1:{port}"
    if "proxy" in running.processes:
        assert running.stop("proxy") == 0


def sign_in(base: str, user: str) -> requests.Session:
    session = requests.Session()
    answer = session.post(f"{base}/v1/sign-in", json={"username": user, "password": user}, timeout=10)
    assert answer.status_code == 200, answer.text
    session.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    return session


def test_kafka_runs_with_the_files_settings_and_its_healthcheck_tells(kafka: ComposeKafka, file: Reading) -> None:
    kind, script, *arguments = file.take("services", "kafka", "healthcheck", "test")
    assert (kind, script) == ("CMD", "/opt/kafka/bin/kafka-topics.sh")
    kafka.tool("org.apache.kafka.tools.TopicCommand", *(part.replace("127.0.0.1:9094", kafka.inner) for part in arguments))
    said = kafka.tool("kafka.admin.ConfigCommand", "--bootstrap-server", kafka.inner, "--describe", "--all", "--entity-type", "brokers", "--entity-name", "1")
    assert re.search(r"auto\.create\.topics\.enable=false", said)


def test_kafkas_and_postgresqls_versions_are_the_tested_ones(file: Reading, kafka: ComposeKafka) -> None:
    image, _, version = file.take("services", "kafka", "image").partition(":")
    assert image == "apache/kafka"
    assert version in (ROOT / "tests/support/kafka/pom.xml").read_text()
    assert f"kafka_2.13-{version}.jar" in {jar.name for jar in kafka._jars.iterdir()}
    assert int(re.findall(r"^postgres:(\d+)", file.take("services", "postgres", "image"))[0]) >= 15
    assert re.fullmatch(r"nginx:\d+\.\d+-alpine", file.take("services", "proxy", "image"))


def test_kafkas_and_postgresqls_data_lie_on_named_volumes(file: Reading) -> None:
    kept = {name: file.take("services", name, "volumes")[0] for name in ("kafka", "postgres")}
    assert kept == {"kafka": f"kafka:{file.take('services', 'kafka', 'environment', 'KAFKA_LOG_DIRS')}", "postgres": "postgres:/var/lib/postgresql/data"}
    assert [name for name in file.names("volumes") if file.take("volumes", name) == {}] == ["kafka", "postgres"]


def test_postgresql_has_the_files_settings_and_its_healthcheck_tells(containers: Containers, postgres: PostgresServer, secrets: Path, file: Reading) -> None:
    program, *options = file.take("services", "postgres", "command")
    assert program == "postgres" and options[::2] == ["-c"] * (len(options) // 2)
    wanted = dict(option.split("=") for option in options[1::2])
    with connect(postgres, secrets, "postgres", "postgres") as connection:
        assert {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in wanted} == wanted
    kind, *check = file.take("services", "postgres", "healthcheck", "test")
    done = subprocess.run([postgres._binaries / check[0], *check[1:]], env={**os.environ, "PGPORT": str(postgres._port)})
    assert (kind, done.returncode) == ("CMD", 0)


@pytest.mark.parametrize(("login", "database"), LOG_INS)
def test_each_login_sees_only_its_own_database(containers: Containers, postgres: PostgresServer, secrets: Path, login: str, database: str) -> None:
    if login == database:
        with connect(postgres, secrets, login, database) as connection:
            owner = connection.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()").fetchone()
            rights = connection.execute("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user").fetchone()
            assert (owner, rights) == ((login,), (False, False, False))
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(postgres, secrets, login, database, password="another")
    else:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            connect(postgres, secrets, login, database)


FORBIDDEN = (
    "CREATE ROLE mine LOGIN", "CREATE DATABASE mine", "ALTER ROLE {other} PASSWORD 'mine'", "ALTER ROLE {login} SUPERUSER", "ALTER ROLE {login} CREATEROLE",
    "SET ROLE {other}", "SET ROLE postgres", "GRANT {other} TO {login}", "ALTER DATABASE {other} OWNER TO {login}", "DROP DATABASE {other}",
    "GRANT CONNECT ON DATABASE {other} TO {login}", "CREATE EXTENSION dblink", "CREATE EXTENSION postgres_fdw", "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('PG_VERSION')", "SELECT rolpassword FROM pg_authid", "ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'", "CREATE SCHEMA mine AUTHORIZATION {other}",
)


@pytest.mark.parametrize("login", SERVICES)
def test_no_login_can_widen_its_rights_or_look_elsewhere(containers: Containers, postgres: PostgresServer, secrets: Path, login: str) -> None:
    other = SERVICES[(SERVICES.index(login) + 1) % len(SERVICES)]
    with connect(postgres, secrets, "postgres", "postgres"), connect(postgres, secrets, login, login) as connection:
        connection.autocommit = True
        for statement in FORBIDDEN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.format(login=login, other=other))
        strangers = connection.execute("SELECT DISTINCT query FROM pg_stat_activity WHERE usename = 'postgres'").fetchall()
        assert strangers == [("<insufficient privilege>",)]
    with connect(postgres, secrets, "postgres", login) as connection:
        makers = [name for name in (*SERVICES, "pg_read_all_data") if connection.execute("SELECT has_schema_privilege(%s, 'public', 'CREATE')", [name]).fetchone() == (True,)]
        assert makers == [login], "nobody else could make anything in its schema, even once inside"


def test_every_container_runs_and_is_healthy(running: Containers, file: Reading) -> None:
    assert set(running.processes) - {"proxy"} == {f"{name}-{role}" for name in services() for role in ("web", "relay", "consume")}
    for name in services():
        found = requests.get(f"http://127.0.0.1:{running.port(f'{name}-web')}/readyz", timeout=10).json()
        assert (found["status"], found["service"]) == ("ok", name), found


def test_the_broker_lets_nobody_in_without_a_log_in_and_no_service_into_anothers_topic(running: Containers, kafka: ComposeKafka, secrets: Path) -> None:
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    def send(topic: str, **log_in: str) -> None:
        with closing(KafkaProducer(bootstrap_servers=kafka.servers, bootstrap_timeout_ms=2_000, max_block_ms=5_000, allow_auto_create_topics=False, **log_in)) as producer:
            producer.send(topic, key=b"key", value=b"forged").get(timeout=10)

    password = (secrets / "matching_kafka_password").read_text()
    matching = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": "matching", "sasl_plain_password": password}
    for given in ({}, {**matching, "sasl_plain_password": "another"}, {**matching, "sasl_mechanism": "PLAIN", "sasl_plain_username": "admin"}):
        with pytest.raises(KafkaError):
            send("jobtrappen.referral", **given)
    with pytest.raises(KafkaError, match="AuthorizationFailed"):
        send("jobtrappen.referral", **matching)


def test_migrating_and_making_topics_twice_changes_nothing(running: Containers) -> None:
    for name in ["topics", *(f"{name}-migrate" for name in services())]:
        done = running.once(name)
        assert done.returncode == 0, (name, done.stdout, done.stderr)


def test_one_address_serves_all_and_says_where_a_new_thing_is(proxy: str, file: Reading) -> None:
    for name in services():
        answer = requests.get(f"{proxy}{PATHS[name]}/healthz", timeout=10)
        assert answer.json() == {"status": "ok"}
        assert requests.get(f"{proxy}{PATHS[name]}/metrics", timeout=10).status_code == 404
    assert requests.get(f"{proxy}/elsewhere", timeout=10).status_code == 404
    assert requests.get(proxy, timeout=10, allow_redirects=False).headers["Location"] == f"{PATHS['referral']}/way-in"
    assert requests.get(proxy, timeout=10).url == f"{proxy}{PATHS['referral']}/sign-in"
    base = f"{proxy}{PATHS['referral']}"
    karen = sign_in(base, "karen")
    made = karen.post(f"{base}/v1/cases", json=A_CASE, headers={"Idempotency-Key": str(uuid.uuid4())}, timeout=10)
    assert made.status_code == 201, made.text
    assert made.headers["Location"].startswith(f"{PATHS['referral']}/v1/cases/")
    assert karen.get(f"{proxy}{made.headers['Location']}", timeout=10).json()["id"] == made.json()["id"]
    assert karen.post(f"{base}/v1/cases", data=b"x" * 3_000_000, timeout=10).status_code == 413


A_CASE = {"given_name": "Amina", "family_name": "Fiktiv", "track": "adult", "effective_date": "2026-01-05"}


def test_what_one_container_says_another_hears_and_fetches(running: Containers, postgres: PostgresServer, secrets: Path) -> None:
    """Over the file's Kafka; and matching asks referral for the person, over the file's addresses and with the file's secret."""
    others = [name for name in services() if name != "referral"]
    if others in ([], services()):
        pytest.skip("JOBTRAPPEN_PLUGINS names no service that hears another")
    base = f"http://127.0.0.1:{running.port('referral-web')}"
    made = sign_in(base, "karen").post(f"{base}/v1/cases", json=A_CASE, headers={"Idempotency-Key": str(uuid.uuid4())}, timeout=10)
    assert made.status_code == 201, made.text
    heard = [(name, "SELECT 1 FROM cursor WHERE topic = 'jobtrappen.referral' AND key = %s::text") for name in others]
    fetched = [(name, "SELECT 1 FROM person_copy WHERE version > 0 AND case_id = %s::uuid") for name in others if name == "matching"]
    for name, query in heard + fetched:
        with connect(postgres, secrets, name, name) as connection:
            connection.autocommit = True
            look = functools.partial(connection.execute, query, [made.json()["id"]])
            try:
                wait_until(lambda look=look: look().fetchone() is not None, 60, f"{name}: {query}")
            except TimeoutError as error:
                pytest.fail(f"{error}; {tail(running.folder / f'{name}-consume.log')}")


def test_sigterm_ends_every_process_within_its_grace_period(running: Containers) -> None:
    ours = [name for name in running.processes if name != "proxy"]
    with ThreadPoolExecutor(len(ours)) as together:
        ended = dict(zip(ours, together.map(running.stop, ours), strict=True))
    assert ended == dict.fromkeys(ours, 0)
    for name in ours:
        running.start(name)
    for name in ours:
        running.wait_healthy(name)


def test_in_production_the_settings_of_the_env_file_count_and_demo_log_ins_are_refused(running: Containers, file: Reading) -> None:
    name = f"{services()[0]}-web"
    port = free_ports(1)[0]
    bare = Reading(FILE, {"JOBTRAPPEN_MODE": "production"}).take("services", name, "environment")
    done = running.once(name, JOBTRAPPEN_MODE=bare["JOBTRAPPEN_MODE"], JOBTRAPPEN_BIND=f"127.0.0.1:{port}")
    assert done.returncode == 78
    assert "JOBTRAPPEN_OIDC_ISSUER, JOBTRAPPEN_OIDC_AUDIENCE, JOBTRAPPEN_OIDC_JWKS" in done.stderr
    variables = {"JOBTRAPPEN_MODE": "production", "JOBTRAPPEN_OIDC_ISSUER": "https://login.example", "JOBTRAPPEN_OIDC_AUDIENCE": "jobtrappen",
                 "JOBTRAPPEN_OIDC_JWKS": "https://login.example/jwks"}
    whole = Reading(FILE, variables).take("services", name, "environment")
    assert {k: whole[k] for k in variables} == variables
    assert running.stop(name) == 0
    running.start(name, **variables)
    running.wait_healthy(name)
    answer = requests.post(f"http://127.0.0.1:{running.port(name)}/v1/sign-in", json={"username": "karen", "password": "karen"}, timeout=10)
    assert answer.status_code == 401
    assert running.stop(name) == 0
    running.start(name)
    running.wait_healthy(name)


def test_each_container_is_given_its_own_secrets_only(file: Reading) -> None:
    for name in file.names("services"):
        given = set(file.take("services", name, "secrets", default=[]))
        owner = name.rsplit("-", 1)[0]
        log_ins = {f"{service}_kafka_password" for service in SERVICES}
        expected = {"jobtrappen_secret", f"{owner}_cpr_keys", f"{owner}_database_password", f"{owner}_kafka_password"} if owner in SERVICES else {
            "kafka": {"kafka_admin_password"}, "topics": {"jobtrappen_secret", "kafka_admin_password", *log_ins},
            "postgres": {"postgres_password", *(f"{service}_database_password" for service in SERVICES)}}.get(name, set())
        expected |= {"referral_lookup_keys"} if owner == "referral" else set()
        assert given == expected, name


def test_nothing_is_open_to_other_machines(file: Reading) -> None:
    opened = {name: file.take("services", name, "ports") for name in file.names("services") if "ports" in file.document["services"][name]}
    assert opened == {"proxy": ["127.0.0.1:8080:8080"]}


def test_all_containers_of_ours_are_the_one_image_of_this_version(file: Reading) -> None:
    version = tomllib.loads((ROOT / "shared/pyproject.toml").read_text())["project"]["version"]
    images = {file.take("services", name, "image") for name in file.names("services") if "build" in file.document["services"][name]}
    assert images == {f"jobtrappen:{version}"}


def test_what_the_dockerfile_copies_exists_and_is_let_through(dockerfile: Dockerfile) -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    sources = [source.removeprefix("./") for line in dockerfile.copied for source in line]
    assert sources == ["requirements.lock", "shared", "services"] == allowed
    assert all((ROOT / source).exists() for source in sources)
    projects = {word[2:] for run in dockerfile.runs for word in run.split() if word.startswith("./")}
    assert projects == {str(path.parent.relative_to(ROOT)) for path in (ROOT / "shared/pyproject.toml", *(ROOT / "services").glob("*/pyproject.toml"))}


def test_the_image_starts_the_command_that_compose_gives_it_and_not_as_root(dockerfile: Dockerfile, file: Reading) -> None:
    scripts = tomllib.loads((ROOT / "shared/pyproject.toml").read_text())["project"]["scripts"]
    assert dockerfile.entrypoint == ["jobtrappen"] and "jobtrappen" in scripts
    assert dockerfile.last["CMD"] == '["--help"]'
    assert all(int(number) > 0 for number in dockerfile.last["USER"].split(":"))
    assert dockerfile.env["JOBTRAPPEN_BIND"].endswith(f":{dockerfile.last['EXPOSE']}")
    assert not [name for name in file.names("services") if name.rsplit("-", 1)[0] in SERVICES and "entrypoint" in file.document["services"][name]]


def test_no_key_of_the_file_is_left_out(running: Containers, proxy: str, file: Reading) -> None:
    left, unneeded = file.left({**UNTESTED, **{f"services.{name}-*": "not asked for by JOBTRAPPEN_PLUGINS" for name in SERVICES if name not in services()}})
    assert (left, unneeded) == ([], [])


def test_a_key_that_nobody_applies_is_found(tmp_path: Path) -> None:
    changed = tmp_path / "docker-compose.yml"
    changed.write_text(FILE.read_text().replace("    shm_size: 128mb", "    shm_size: 128mb\n    privileged: true", 1))
    read = Reading(changed, {})
    for name in read.names("services"):
        for key in read.document["services"][name]:
            if key != "privileged":
                read.take("services", name, key)
    left, unneeded = read.left({"x-*": "anchors", "volumes.*": "", "secrets.*": "", "services.kafka.shm_size": "not there"})
    assert (left, unneeded) == (["services.postgres.privileged"], ["services.kafka.shm_size"])
