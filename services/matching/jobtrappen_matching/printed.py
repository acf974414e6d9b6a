# SPDX-License-Identifier: MPL-2.0
"""What is printed: the leaflet with advice for a job interview in five languages (F-250), and any page as PDF.

Each language has the same pieces of advice in the same order, so that two leaflets can be laid side by side. PDF is made by
WeasyPrint where it is installed (the extra `leaflets`); without it, everything can still be printed from the browser.
"""
from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

PAPER = """
@page { size: A4; margin: 20mm 22mm }
body { font-family: "IBM Plex Sans", "Noto Sans", "Noto Sans Arabic", "DejaVu Sans", sans-serif; font-size: 11.5pt; line-height: 1.5; color: #000 }
.header, .footer, .skipnav, .d-print-none, .sr-only { display: none }
h1 { font-size: 19pt } h2 { font-size: 14pt }
li { margin-bottom: 2.2mm }
.jt-write { border-bottom: .3mm dotted #000; margin: 0 0 4mm 0 }
dt { font-weight: bold } dd { margin: 0 0 2mm 0 }
td, th { text-align: start; vertical-align: top; padding: 1mm 4mm 1mm 0 }
"""


@lru_cache(maxsize=1)
def leaflets() -> dict[str, dict[str, Any]]:
    """By language code: {name, dir, title, intro, where, notes, items}."""
    found: dict[str, dict[str, Any]] = json.loads(files(__package__).joinpath("leaflet.json").read_text(encoding="utf-8"))
    return found


def makes_pdf() -> bool:
    """Whether PDF can be made here."""
    return find_spec("weasyprint") is not None


def pdf(page: str) -> bytes:
    """A page as PDF. Nothing is fetched for it, neither from this machine nor from another: the paper has a style of its own."""
    from weasyprint import CSS, HTML
    from weasyprint.urls import URLFetcher

    return bytes(HTML(string=page, url_fetcher=URLFetcher(allowed_protocols=())).write_pdf(stylesheets=[CSS(string=PAPER)]))
