# SPDX-License-Identifier: MPL-2.0
"""Make the secrets that docker-compose.yml mounts, once: what is there stays. Needs nothing but Python.

The folder is closed to everybody else. The files in it can be read by all, because a container sees the one file that it
is given with the file's own rights, and runs as a user of its own.
"""
from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

SERVICES = ("referral", "matching", "followup", "partners")


def wanted() -> dict[str, str]:
    """{name of the file: a fresh value}."""
    return {
        "jobtrappen_secret": secrets.token_urlsafe(48),
        "referral_lookup_keys": a_key(),
        **{f"{name}_cpr_keys": a_key() for name in SERVICES},
        **{f"{name}_password": secrets.token_urlsafe(32) for name in ("postgres", "kafka_admin")},
        **{f"{name}_{what}_password": secrets.token_urlsafe(32) for name in SERVICES for what in ("database", "kafka")},
    }


def a_key() -> str:
    """A ring of one key, as JOBTRAPPEN_CPR_KEYS has it."""
    return f"first={base64.b64encode(secrets.token_bytes(32)).decode()}"


def make(folder: Path) -> list[str]:
    """Write what is missing.

    Returns: the names that were written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = []
    for name, value in wanted().items():
        path = folder / name
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
                file.write(value)
            path.chmod(0o644)
            made.append(name)
    return made


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "secrets"
    found = make(where)
    print(f"{where}: made {', '.join(found)}" if found else f"{where}: all secrets are there already")
    print("Keep a copy of jobtrappen_secret, the _cpr_keys and the _lookup_keys apart from the databases' backups: without them a backup is unreadable.")
