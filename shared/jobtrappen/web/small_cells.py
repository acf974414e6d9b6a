# SPDX-License-Identifier: MPL-2.0
"""Which cells of tables are kept back, so that nobody outside the team that owns the cases learns of a group below five.

A cell of 1 to 4 is small. Hiding it alone is not enough: the total gives it back, and so does another table that counts the same
people. The rule, for each sum that holds between cells (a table's total, or a cell that other tables split up):

- small cells are hidden, totals too;
- with them the next smallest cell that is not zero, until at least two are hidden, which together are at least five and more than
  one each (of two that are 2 together, everybody knows that they are 1 and 1);
- where no cell is left, the total is hidden, and then every time, so that hiding it says nothing;
- at last the sums are looked at together: as long as they can be solved for a hidden cell, the next smallest cell is hidden.

Zeros are shown: they tell of nobody. Two days of the same table are not held against each other.
"""
from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

LEAST = 5

Cell = Hashable


@dataclass(frozen=True)
class Sum:
    """`whole` is what `parts` are together."""

    whole: Cell
    parts: tuple[Cell, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (self.whole, *self.parts)


def hide(cells: Mapping[Cell, int], sums: Sequence[Sum]) -> set[Cell]:
    """The cells that are not published. A sum that does not hold (a neighbour that has not heard yet) gives nothing away, and is
    left aside."""
    holding = [s for s in sums if cells[s.whole] == sum(cells[p] for p in s.parts)]
    hidden = {cell for cell, value in cells.items() if 0 < value < LEAST}
    while more := _lacking(cells, holding, hidden):
        hidden |= more
    return hidden


def _lacking(cells: Mapping[Cell, int], sums: Sequence[Sum], hidden: set[Cell]) -> set[Cell]:
    """What has to be hidden beside these; nothing when they are enough."""
    for one in sums:
        if more := _beside(cells, one, hidden):
            return more
    for cell in solved(sums, hidden):
        near = {c for s in sums if cell in s.cells for c in s.cells}
        if found := _next(cells, [c for c in cells if c in near], hidden) or _next(cells, list(cells), hidden):
            return found
    return set()


def _beside(cells: Mapping[Cell, int], one: Sum, hidden: set[Cell]) -> set[Cell]:
    gone = [p for p in one.parts if p in hidden]
    following = _next(cells, one.parts, hidden)
    if one.whole in hidden:
        return following if not gone else set()
    if not gone:
        return set()
    together = sum(cells[p] for p in gone)
    if not following:
        return {one.whole}
    return following if len(gone) < 2 or together < LEAST or together == len(gone) else set()


def _next(cells: Mapping[Cell, int], among: Sequence[Cell], hidden: set[Cell]) -> set[Cell]:
    """The smallest that is shown and not zero, the first of several."""
    shown = [c for c in among if cells[c] and c not in hidden]
    return {min(shown, key=lambda c: cells[c])} if shown else set()


def solved(sums: Sequence[Sum], hidden: set[Cell]) -> list[Cell]:
    """Hidden cells that the sums, together with all that is shown, leave only one value for: Gauss and Jordan, in fractions."""
    unknown = [c for c in dict.fromkeys(c for s in sums for c in s.cells) if c in hidden]
    rows = [[Fraction((c in s.parts) - (c == s.whole)) for c in unknown] for s in sums]
    done = 0
    for column in range(len(unknown)):
        pivot = next((n for n in range(done, len(rows)) if rows[n][column]), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        rows[done] = [v / rows[done][column] for v in rows[done]]
        for n, row in enumerate(rows):
            if n != done and row[column]:
                rows[n] = [v - row[column] * w for v, w in zip(row, rows[done], strict=True)]
        done += 1
    return [unknown[next(n for n, v in enumerate(row) if v)] for row in rows if sum(map(bool, row)) == 1]
