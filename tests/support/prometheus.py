# SPDX-License-Identifier: MPL-2.0
"""A real Prometheus on the loopback that scrapes every second and evaluates the project's own rules."""
from __future__ import annotations

import shutil
import subprocess
import urllib.parse
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.support.process import Missing, free_ports, tail, wait_until

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "observability" / "alerts.yml"
STEP, LOOK = "1s", "500ms"


def program(name: str) -> str:
    """Raises Missing without it."""
    found = shutil.which(name)
    if found is None:
        raise Missing(f"{name} is not installed. Install it (Debian: apt-get install --no-install-recommends prometheus); a running server is not needed.")
    return found


class Prometheus:
    """The rules as they stand, but for one thing: what must hold for some minutes fires at once here."""

    def __init__(self, folder: Path, targets: list[str]) -> None:
        self.folder = folder
        rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
        for rule in rules["groups"][0]["rules"]:
            rule.pop("for", None)
        (folder / "alerts.yml").write_text(yaml.safe_dump(rules))
        (folder / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": STEP, "scrape_timeout": STEP, "evaluation_interval": LOOK}, "rule_files": ["alerts.yml"],
            "scrape_configs": [{"job_name": "jobtrappen", "scrape_interval": STEP, "scrape_timeout": STEP, "static_configs": [{"targets": targets}]}]}))
        address = f"127.0.0.1:{free_ports(1)[0]}"
        self.url = f"http://{address}"
        with open(folder / "prometheus.log", "ab") as log:
            self.process = subprocess.Popen(
                [program("prometheus"), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"],
                stdout=log, stderr=log)
        wait_until(lambda: self.process.poll() is not None or self._ready(), 30, "Prometheus")
        assert self.process.poll() is None, tail(folder / "prometheus.log")

    def _ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an expression now; fails for one that Prometheus does not take."""
        answer = requests.get(f"{self.url}/api/v1/query?query={urllib.parse.quote(expression)}", timeout=10).json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])

    def firing(self) -> set[tuple[str, str]]:
        """(alert, service) of everything that fires."""
        alerts = requests.get(f"{self.url}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
        return {(alert["labels"]["alertname"], alert["labels"].get("service", "")) for alert in alerts if alert["state"] == "firing"}

    def series(self) -> set[str]:
        """Every metric name that was ever scraped."""
        return set(requests.get(f"{self.url}/api/v1/label/__name__/values", timeout=10).json()["data"])

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
