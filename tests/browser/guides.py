# SPDX-License-Identifier: MPL-2.0
"""What the guides say of the pages: the pictures they show, and the words in bold, which stand on the pages exactly so."""
from __future__ import annotations

import re
from pathlib import Path

from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide"
PAGES = sorted(GUIDE.glob("*.md"))
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
BOLD = re.compile(r"\*\*([^*]+)\*\*", re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s#]+)(#[\w-]+)?\)")


def pictures(document: Path) -> list[tuple[str, Path]]:
    """(what a screen reader says, the file) of each picture."""
    return [(alt, (document.parent / address).resolve()) for alt, address in IMAGE.findall(document.read_text(encoding="utf-8"))]


def quoted(document: Path) -> list[str]:
    """Words in bold, apart from the beginnings of paragraphs that end in a full stop: those are headings of the guide's own."""
    return [" ".join(text.split()) for text in BOLD.findall(document.read_text(encoding="utf-8")) if not text.rstrip().endswith(".")]


def danish() -> set[str]:
    """Every Danish word of the pages: the kit's and the services' catalogues."""
    said: set[str] = set()
    for file in sorted(ROOT.glob("*/jobtrappen/web/pages/locale/da.po")) + sorted(ROOT.glob("services/*/*/locale/da.po")):
        with file.open("rb") as source:
            for message in read_po(source, locale="da"):
                said.update(message.string if isinstance(message.string, tuple) else [message.string])
    return said
