# SPDX-License-Identifier: MPL-2.0
"""`make audit`: whether a pinned package has a known weakness, by the advisories of osv.dev (PyPA's and GitHub's among them).

Ends with 1 when one has. When the advisories cannot be had, nothing was audited: that is said loudly and ends with 0, because
a network that is away says nothing of the packages.
"""
from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
SERVICE = "https://api.osv.dev/v1/querybatch"
ACCEPTED: dict[str, str] = {}
"""{advisory: why it does not touch us}; an entry that is needed no longer is named too."""


def pinned(*locks: Path) -> dict[str, str]:
    """{package: version} of all locks."""
    return {name: version for lock in locks for name, version in re.findall(r"(?m)^([a-z0-9._-]+)==([^\s;\\]+)", lock.read_text(encoding="utf-8"))}


def asked(packages: dict[str, str], service: str, seconds: float = 30.0) -> dict[str, list[str]]:
    """{package: advisories} of those that have any.

    Raises:
        OSError, ValueError: the service is away or answers something else; nothing is known then.
    """
    names = sorted(packages)
    body = json.dumps({"queries": [{"package": {"name": name, "ecosystem": "PyPI"}, "version": packages[name]} for name in names]}).encode()
    request = urllib.request.Request(service, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        document: Any = json.load(answer)
    results = document.get("results") if isinstance(document, dict) else None
    if not isinstance(results, list) or len(results) != len(names) or not all(isinstance(one, dict) for one in results):
        raise ValueError("it does not answer for each package")
    return {name: sorted(found["id"] for found in one["vulns"]) for name, one in zip(names, results, strict=True) if one.get("vulns")}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make audit")
    parser.add_argument("--service", default=SERVICE)
    parser.add_argument("locks", nargs="*", type=Path, default=[ROOT / name for name in LOCKS])
    given = parser.parse_args(arguments)
    packages = pinned(*given.locks)
    try:
        found = asked(packages, given.service)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"NOT AUDITED: the advisories cannot be had ({error.__class__.__name__}: {error}). {len(packages)} pinned packages are neither cleared nor accused.")
        return 0
    known = {name: [id for id in ids if id not in ACCEPTED] for name, ids in found.items()}
    for id in ACCEPTED.keys() - {id for ids in found.values() for id in ids}:
        print(f"{id} is accepted and no pinned package has it any more; take it off the list")
    for name, ids in known.items():
        if ids:
            print(f"{name} {packages[name]}: {', '.join(ids)} (https://osv.dev/{ids[0]}); take a mended version with `make lock LOCK_FLAGS='--upgrade-package {name}'`")
    print(f"{len(packages)} pinned packages audited, {sum(bool(ids) for ids in known.values())} with known weaknesses")
    return 1 if any(known.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
