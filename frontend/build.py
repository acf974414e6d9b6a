# SPDX-License-Identifier: MPL-2.0
"""Compile the theme and copy the few files that it names; `make assets` calls it after `npm ci`.

What it makes is committed, so that nobody who installs or runs the suite needs Node.
"""
from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
DKFDS = MODULES / "dkfds" / "dist"
OUT = HERE.parent / "shared" / "jobtrappen" / "web" / "static"
OURS = ("icon.svg", "pages.js")
URL = re.compile(r'url\((["\']?)([^"\')]+)\1\)')
FACE = re.compile(r"@font-face\s*\{[^}]*\}")
WEIGHTS = {"IBMPlexSans-Regular": 400, "IBMPlexSans-Medium": 500, "IBMPlexSans-SemiBold": 600, "IBMPlexSans-Bold": 700}


def main() -> None:
    for old in OUT.glob("**/*"):
        if old.is_file() and old.name not in OURS:
            old.unlink()
    OUT.mkdir(parents=True, exist_ok=True)
    css = subprocess.run([MODULES / ".bin" / "sass", "--style=compressed", "--no-source-map", "--quiet", f"--load-path={MODULES}", HERE / "theme.scss"],
                         capture_output=True, text=True, check=True).stdout
    css = faces() + FACE.sub("", css.lstrip("\ufeff"))  # a byte order mark inside the file would take the first rule with it, which makes boxes count their padding
    for found in {match[2] for match in URL.finditer(css) if not match[2].startswith("data:")}:
        copy(found)
    (OUT / "theme.css").write_text(css, encoding="utf-8")
    shutil.copy(DKFDS / "js" / "dkfds.min.js" if (DKFDS / "js" / "dkfds.min.js").exists() else DKFDS / "js" / "dkfds.js", OUT / "dkfds.js")
    shutil.copy(MODULES / "dkfds" / "LICENSE" if (MODULES / "dkfds" / "LICENSE").exists() else MODULES / "dkfds" / "LICENSE.md", OUT / "DKFDS-LICENSE.txt")


def faces() -> str:
    """The design system's own font-face rules name an .eot first; ours take the packed fonts alone."""
    made = ""
    for name, weight in WEIGHTS.items():
        file = next(iter(sorted(DKFDS.glob(f"fonts/**/{name}.woff2"))), None)
        if file is not None:
            made += f'@font-face{{font-family:"IBM Plex Sans";font-weight:{weight};font-display:swap;src:url("fonts/{name}.woff2") format("woff2")}}'
    return made


def copy(address: str) -> None:
    """One file that the stylesheet names, under the same name beside it."""
    clean = address.split("?")[0].split("#")[0]
    name = Path(clean).name
    source = next((p for p in sorted(DKFDS.rglob(name)) if p.is_file()), None)
    if source is None:
        raise SystemExit(f"the stylesheet names {address}, which the design system does not have")
    target = OUT / clean
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


if __name__ == "__main__":
    main()
