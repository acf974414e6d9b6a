# SPDX-License-Identifier: MPL-2.0
"""What the figures were measured on, read when they are measured."""
from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import date
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("flask", "gunicorn", "sqlalchemy", "psycopg", "kafka-python", "marshmallow")


def facts() -> list[tuple[str, str]]:
    """(name, value) lines for the table's head. No host name: it says nothing about speed."""
    return [
        ("Date", date.today().isoformat()),
        ("Processor", f"{os.cpu_count()} cores, {_processor()}"),
        ("Memory", _memory()),
        ("System", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("Load when it began", f"{os.getloadavg()[0]:.1f} (1 minute; a busy machine spoils the figures)"),
        ("Python", platform.python_version()),
        ("Servers", f"{_first_line('postgres')}; Apache Kafka {_kafka()}, 1 node; {_first_line('java')}"),
        ("Libraries", ", ".join(f"{name} {version(name)}" for name in PACKAGES)),
    ]


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return found[1] if found else platform.processor() or "unknown"


def _memory() -> str:
    found = re.search(r"^MemTotal:\s*(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    return f"{int(found[1]) / 2**20:.0f} GiB" if found else "unknown"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def _first_line(program: str) -> str:
    """`postgres --version`, `java -version`."""
    from tests.support.postgres import _binaries

    command = [str(_binaries() / "postgres"), "--version"] if program == "postgres" else ["java", "-version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return (done.stdout or done.stderr).splitlines()[0].replace('"', "").replace("postgres (PostgreSQL)", "PostgreSQL")


def _kafka() -> str:
    from tests.support.kafka import _jars

    jars = sorted(_jars().glob("kafka-server-[0-9]*.jar")) or sorted(_jars().glob("kafka-clients-*.jar"))
    return jars[-1].stem.rpartition("-")[2] if jars else "unknown"
