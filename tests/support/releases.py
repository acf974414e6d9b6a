# SPDX-License-Identifier: MPL-2.0
"""The code of the last release, unpacked from the history, and its processes: they run on today's libraries, from a folder
that stands before the installed suite on Python's path."""
from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import requests

from jobtrappen.config import PATHS, SERVICES, Settings
from tests.support.process import free_ports, tail, wait_until

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Release:
    """A version's code. `folder` is where it lies; `name` is its tag or commit, "today" for the working tree."""

    name: str
    folder: Path

    @property
    def path(self) -> str:
        """What PYTHONPATH must hold."""
        return os.pathsep.join([str(self.folder / "shared"), *(str(self.folder / "services" / name) for name in SERVICES)])


TODAY = Release("today", ROOT)


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


def last_release() -> str:
    """The newest tag v* before HEAD, else the first commit that had the version which is in preparation now; "" where the
    history does not reach so far (an archive, a shallow clone)."""
    try:
        head = git("rev-parse", "HEAD").decode().strip()
        tags = git("tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname").decode().split()
        for tag in tags:
            if git("rev-list", "-n1", tag).decode().strip() != head:
                return tag
        version = re.search(r'(?m)^version = "[^"]+"$', (ROOT / "shared/pyproject.toml").read_text())
        assert version is not None
        commits = git("log", "--reverse", "--format=%H", "-S", version[0], "--", "shared/pyproject.toml").decode().split()
        return commits[0] if commits and commits[0] != head else ""
    except (subprocess.CalledProcessError, FileNotFoundError):
        return ""


def unpack(name: str, folder: Path) -> Release:
    """A release's code in a folder of its own."""
    with tarfile.open(fileobj=BytesIO(git("archive", name, "shared", "services"))) as archive:
        archive.extractall(folder, filter="data")
    return Release(name, folder)


@dataclass
class Fleet:
    """The processes of one version: a web server for all services, their relays and their consumers."""

    release: Release
    settings: Settings
    folder: Path
    port: int = field(default_factory=lambda: free_ports(1)[0])
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def urls(self) -> dict[str, str]:
        return {name: f"http://127.0.0.1:{self.port}{PATHS[name]}" for name in SERVICES}

    @property
    def log(self) -> Path:
        return self.folder / f"{self.release.name[:12]}.log"

    def environment(self) -> dict[str, str]:
        """Only what every version knows; a setting that one does not know would end its process."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("JOBTRAPPEN_")}
        s = self.settings
        return {**own, "PYTHONPATH": self.release.path, "JOBTRAPPEN_HOME": str(s.home), "JOBTRAPPEN_DATABASE": s.database, "JOBTRAPPEN_BUS": s.bus,
                "JOBTRAPPEN_SECRET": s.secret, "JOBTRAPPEN_MODE": s.mode, "JOBTRAPPEN_TODAY": str(s.today), "JOBTRAPPEN_PLUGINS": ",".join(s.plugins),
                "JOBTRAPPEN_BIND": f"127.0.0.1:{self.port}", "JOBTRAPPEN_LOG": "warning", "JOBTRAPPEN_MEMBER": self.release.name[:12]}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command of this version, waited for."""
        return subprocess.run([sys.executable, *command], env=self.environment(), cwd=self.folder, capture_output=True, text=True, timeout=180)

    def jobtrappen(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "jobtrappen", *arguments)

    def loaded(self) -> str:
        """Where this version's processes take the suite from, kit and services."""
        return self.run("-c", "import jobtrappen, jobtrappen_referral, jobtrappen_partners; print(jobtrappen.__file__, jobtrappen_referral.__file__, jobtrappen_partners.__file__)").stdout

    def start(self, *roles: str) -> None:
        """`serve`, `relay` or `consume`, for all four services in one process each."""
        for role in roles:
            with open(self.log, "ab") as log:
                self.running[role] = subprocess.Popen([sys.executable, "-m", "jobtrappen", role, "all"], env=self.environment(), cwd=self.folder,
                                                      stdout=log, stderr=log, start_new_session=True)
        if "serve" in roles:
            wait_until(self._answers, 60, f"{self.release.name} to answer: {tail(self.log)}")

    def _answers(self) -> bool:
        assert self.running["serve"].poll() is None, tail(self.log)
        try:
            return all(requests.get(f"{url}/healthz", timeout=5).ok for url in self.urls.values())
        except requests.RequestException:
            return False

    def stop(self, *roles: str) -> None:
        """SIGTERM, and wait until they have drained."""
        for role in roles or tuple(self.running):
            self.running[role].terminate()
        for role in roles or tuple(self.running):
            process = self.running.pop(role)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def alive(self) -> bool:
        return all(process.poll() is None for process in self.running.values())


@contextmanager
def fleets(settings: Settings, folder: Path, *releases: Release) -> Iterator[list[Fleet]]:
    """A fleet for each version; nothing of them is left."""
    made = [Fleet(release, settings, folder) for release in releases]
    try:
        yield made
    finally:
        for fleet in made:
            fleet.stop()
