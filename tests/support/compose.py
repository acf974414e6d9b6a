# SPDX-License-Identifier: MPL-2.0
"""docker-compose.yml without Docker: its keys are read and remembered, its commands run as processes of this machine.

What a container would have is put in place by the substitutions below and by nothing else: a name of a container with its
port becomes a free port of the loopback, /run/secrets a folder with the secrets that this container is given, the image a
folder with the wheels that the Dockerfile installs.
"""
from __future__ import annotations

import fnmatch
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.kafka import KafkaCluster
from tests.support.process import free_ports, tail

ROOT = Path(__file__).parents[2]
SECONDS = {"s": 1, "m": 60}


class Reading:
    """A compose file that remembers which of its keys somebody took."""

    def __init__(self, path: Path, variables: Mapping[str, str]) -> None:
        self.document = interpolated(yaml.safe_load(path.read_text(encoding="utf-8")), variables)
        self.taken: set[str] = set()

    def take(self, *path: str, default: Any = None) -> Any:
        """The value at a path; everything under it counts as applied by the caller."""
        found = self.document
        for step in path:
            if not isinstance(found, dict) or step not in found:
                return default
            found = found[step]
        self.taken |= {".".join(path), *(name for name, _value in leaves(found, ".".join(path)))}
        return found

    def names(self, section: str) -> list[str]:
        return list(self.document[section])

    def left(self, untested: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """(keys neither taken nor listed as untested, patterns of `untested` that no key needs)."""
        open_ = [name for name, _value in leaves(self.document) if name not in self.taken]
        unneeded = [pattern for pattern in untested if not fnmatch.filter(open_, pattern)]
        return [name for name in open_ if not any(fnmatch.fnmatchcase(name, pattern) for pattern in untested)], unneeded


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of everything that is not a filled mapping."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}".lstrip("."))
    else:
        yield path, value


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """${NAME} and ${NAME:-default} in every value as Compose fills them in: after the YAML is read, so never a null."""
    if isinstance(value, dict):
        return {name: interpolated(inner, variables) for name, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner, variables) for inner in value]
    if not isinstance(value, str):
        return value
    found = re.sub(r"(?<!\$)\$\{(\w+)(?::-([^}]*))?\}", lambda m: variables.get(m[1]) or m[2] or "", value)
    assert "$" not in found.replace("$$", ""), f"{value}: a form of interpolation that this reader does not know"
    return found.replace("$$", "$")


def seconds(text: str) -> float:
    return float(text[:-1]) * SECONDS[text[-1]]


@dataclass
class Dockerfile:
    """The instructions of the last stage, and every COPY of all stages."""

    path: Path
    env: dict[str, str] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    copied: list[list[str]] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for line in self.path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
            word, _, rest = line.strip().partition(" ")
            if word == "FROM":
                self.env, self.last = {}, {}
            elif word == "COPY" and not rest.startswith("--from"):
                self.copied.append(rest.split()[:-1])
            elif word == "RUN":
                self.runs.append(rest)
            elif word == "ENV":
                self.env |= dict(pair.split("=", 1) for pair in rest.split())
            if word and not word.startswith("#"):
                self.last[word] = rest

    @property
    def entrypoint(self) -> list[str]:
        return list(yaml.safe_load(self.last["ENTRYPOINT"]))

    def install(self, folder: Path) -> Path:
        """What its build stage installs of ours, as wheels, into a folder."""
        context, target = folder / "context", folder / "image"
        for source in (one for line in self.copied for one in line):
            shutil.copytree(ROOT / source, context / source, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__", "build")) \
                if (ROOT / source).is_dir() else (context.mkdir(exist_ok=True), shutil.copy(ROOT / source, context / source))
        ours = next(run for run in self.runs if "--no-build-isolation" in run)
        projects = [word for word in ours.split() if word.startswith("./")]
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(target), *projects],
                              cwd=context, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return target


class ComposeKafka(KafkaCluster):
    """The test's broker with the container's own settings: KAFKA_A_B__C___D in the environment is a.b_c-d, as the image reads it."""

    def __init__(self, environment: Mapping[str, str], secrets: Path) -> None:
        super().__init__()
        self.environment, self.secrets = environment, secrets
        self.inner = f"127.0.0.1:{free_ports(1)[0]}"
        """Stands for 127.0.0.1:9094 in the container."""

    def run(self) -> None:
        self._format(1)
        self._run(1)
        self._wait(1)

    def _properties(self, node: int) -> str:
        broker, controller = self._ports[node]
        mapped = {name.removeprefix("KAFKA_").lower().replace("_", ".").replace("...", "-").replace("..", "_"): value for name, value in self.environment.items()}
        for written, real in (("(?:kafka|0\\.0\\.0\\.0):9092", f"127.0.0.1:{broker}"), ("127\\.0\\.0\\.1:9093", f"127.0.0.1:{controller}"),
                              ("127\\.0\\.0\\.1:9094", self.inner), ("/run/secrets", str(self.secrets))):
            mapped = {name: re.sub(written, real, value) for name, value in mapped.items()}
        mapped["log.dirs"] = str(self._folder / "data1")
        return "\n".join(f"{name}={value}" for name, value in mapped.items()) + "\n"


@dataclass
class Containers:
    """The processes that stand for the containers, and the names that are mapped for them."""

    file: Reading
    dockerfile: Dockerfile
    folder: Path
    image: Path
    secrets: Path
    names: dict[str, str]
    """{container:port as the file writes it: address on the loopback}"""
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def port(self, name: str) -> int:
        """The loopback port that stands for this container's 8080."""
        return self.ports.setdefault(name, free_ports(1)[0])

    def mapped(self, name: str, text: str) -> str:
        """The substitutions, whole."""
        for written, real in self.names.items():
            text = text.replace(written, real)
        text = re.sub(r"\b([a-z]+-web):8080", lambda m: f"127.0.0.1:{self.port(m[1])}", text)
        text = re.sub(r"(0\.0\.0\.0|127\.0\.0\.1):8080", f"127.0.0.1:{self.port(name)}", text)
        text = text.replace("/run/secrets", str(self.given_secrets(name)))
        return text.replace("/opt/jobtrappen/", f"{self.image}/").replace("/usr/bin:", f"{Path(sys.executable).parent}:/usr/bin:")

    def given_secrets(self, name: str) -> Path:
        """A folder that holds the secrets of this container and no other."""
        folder = self.folder / f"secrets-{name}"
        if not folder.exists():
            folder.mkdir()
            for secret in self.file.take("services", name, "secrets", default=[]):
                source = Path(self.file.take("secrets", secret, "file"))
                assert source.parent == Path("deploy/secrets"), source
                shutil.copy(self.secrets / source.name, folder / secret)
        return folder

    def environment(self, name: str) -> dict[str, str]:
        """The image's and the file's; nothing of this process's own beside what Python itself needs here."""
        given = {"HOME": str(self.folder), "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(self.image)}
        image = {k: v.replace("$PATH", given["PATH"]) for k, v in self.dockerfile.env.items()}
        written = {k: str(v) for k, v in (self.file.take("services", name, "environment", default={})).items()}
        return {k: self.mapped(name, v) for k, v in (given | image | written).items()}

    def command(self, name: str) -> list[str]:
        assert self.file.document["services"][name].get("entrypoint") is None
        return [*self.dockerfile.entrypoint, *(self.mapped(name, part) for part in self.file.take("services", name, "command"))]

    def once(self, name: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """Run a one-shot container, or a process that is expected to end by itself."""
        environment = {**self.environment(name), **changed}
        return subprocess.run(self._found(self.command(name), environment), env=environment, cwd=self.folder, capture_output=True, text=True, timeout=120)

    def start(self, name: str, **changed: str) -> None:
        environment = {**self.environment(name), **changed}
        self.launch(name, self._found(self.command(name), environment), environment)

    def launch(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(command, env=environment, cwd=self.folder, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait_healthy(self, name: str) -> None:
        """Run the container's own healthcheck until it succeeds, for as long as Compose would wait."""
        check = self.file.take("services", name, "healthcheck")
        kind, *command = check["test"]
        assert kind == "CMD", check
        environment = self.environment(name) if name in self.processes and name != "proxy" else dict(os.environ)
        command = self._found([self.mapped(name, part) for part in command], environment)
        until = time.monotonic() + seconds(check["start_period"]) + check["retries"] * seconds(check["interval"])
        while True:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds(check["timeout"]) + 10)
            if done.returncode == 0:
                return
            process = self.processes.get(name)
            ended = process is not None and process.poll() is not None
            assert not ended and time.monotonic() < until, f"{name}: {done.stdout}{done.stderr}{tail(self.folder / f'{name}.log')}"
            time.sleep(0.2)

    def stop(self, name: str) -> int:
        """SIGTERM, as `docker stop`. Returns: the exit code; -9 when it took longer than stop_grace_period."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(seconds(self.file.take("services", name, "stop_grace_period", default="10s")))
        except subprocess.TimeoutExpired:
            self._kill(process)
            return -9

    def close(self) -> None:
        for process in self.processes.values():
            self._kill(process)

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _found(self, command: list[str], environment: Mapping[str, str]) -> list[str]:
        where = shutil.which(command[0], path=environment["PATH"])
        assert where, f"{command[0]} is not on {environment['PATH']}"
        return [where, *command[1:]]
