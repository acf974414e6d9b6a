# SPDX-License-Identifier: MPL-2.0
"""Writes the measured tables into docs/performance.md; the words around them stay."""
from __future__ import annotations

from pathlib import Path

from tests.bench.rounds import Bench, Ratio

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def tables(facts: list[tuple[str, str]], benches: list[Bench]) -> str:
    """The generated part: machine, ratios, single times."""
    lines = ["| Measured on | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts), "",
             "| Bench | What | Ours | Baseline | Unit | Ratio | Rounds | Goal | Met |", "|---|---|---:|---:|---|---:|---|---|---|"]
    lines += [_row(ratio) for bench in benches for ratio in bench.ratios]
    timed = [(bench, note) for bench in benches for note in bench.notes]
    if timed:
        lines += ["", *(f"- {bench.name}: {note}" for bench, note in timed)]
    return "\n".join(lines)


def _row(ratio: Ratio) -> str:
    met = "–" if ratio.goal is None else "yes" if ratio.met else "no"
    return (f"| {ratio.bench} | {ratio.what} | {ratio.ours:,.1f} | {ratio.base:,.1f} | {ratio.unit} | **{ratio.ratio:.2f}** |"
            f" {ratio.spread[0]:.2f} to {ratio.spread[1]:.2f} | {ratio.wanted} | {met} |")


def write(text: str, document: Path = DOCUMENT) -> None:
    """Put the tables between the document's two marks.

    Raises:
        ValueError: the marks are not there.
    """
    put(text, document, BEGIN, END)


def put(text: str, document: Path, begins: str, ends: str) -> None:
    """Put generated text between two marks of a document.

    Raises:
        ValueError: the marks are not there.
    """
    before, begin, rest = document.read_text(encoding="utf-8").partition(begins)
    _old, end, after = rest.partition(ends)
    if not begin or not end:
        raise ValueError(f"{document} has no {begins} … {ends}")
    document.write_text(f"{before}{begins}\n{text}\n{ends}{after}", encoding="utf-8")
