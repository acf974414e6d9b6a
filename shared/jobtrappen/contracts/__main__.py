# SPDX-License-Identifier: MPL-2.0
"""Write the JSON Schemas and golden samples; `--check` writes nothing and says what has drifted."""
from __future__ import annotations

import json
import sys
from pathlib import Path

from jobtrappen.contracts import CATALOGUE, sample, schema
from jobtrappen.event import Event

HERE = Path(__file__).parent


def documents() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    files = {}
    for name, contract in CATALOGUE.items():
        stem = f"{name}.v{contract.version}.json"
        files[HERE / "schemas" / stem] = schema(name)
        files[HERE / "samples" / stem] = golden(name)
        if contract.public:
            files[HERE / "schemas" / "public" / stem] = schema(name, public=True)
    return {path: json.dumps(document, indent=1, ensure_ascii=False) + "\n" for path, document in files.items()}


def golden(name: str) -> dict[str, object]:
    """One whole envelope, the same on every machine."""
    contract, data = CATALOGUE[name], sample(name)
    key = str(data.get("case_id") or data.get("employer_id") or data.get("partner_id"))
    return Event(
        id="0192f0c1-7a3b-7c11-9d2e-2b6f0a4c1d55", type=f"jobtrappen.{name}.v{contract.version}",
        source=f"https://jobtrappen.example/0000/{contract.by}", subject=f"{name.split('.')[0]}/{key}", key=key, case=key,
        time="2026-11-23T00:00:00Z", recorded="2026-11-23T08:15:00.000Z", seq=1, epoch=1, subject_version=1, data=data, role="consultant", unit="jobkonsulenterne",
    ).document()


def main() -> int:
    drifted = []
    for path, text in documents().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            drifted.append(path.name)
            if "--check" not in sys.argv:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    print(f"{len(drifted)} drifted: {', '.join(drifted[:5])}" if drifted else "no drift")
    return 1 if drifted and "--check" in sys.argv else 0


if __name__ == "__main__":
    raise SystemExit(main())
