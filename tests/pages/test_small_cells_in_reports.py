# SPDX-License-Identifier: MPL-2.0
"""Nobody outside the team that owns the cases learns of a group below five: neither from a table, nor by reckoning."""
from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobtrappen.spreadsheet import defused
from jobtrappen.web import access, reports
from jobtrappen.web.reports import Report, without_small_cells
from jobtrappen.web.small_cells import LEAST, Cell, Sum, hide
from jobtrappen_followup.reports import reports as reports_of_followup
from tests.pages.browser import Browser
from tests.support.stages_followup import Matching, a_course
from tests.support.world import ADMINISTRATOR, CASEWORKER, CONSULTANT, TEAM_LEAD, TODAY, World, a_world

ROOT = Path(__file__).parents[2]
A_DAY = date(2026, 11, 20)
FEW = st.one_of(st.integers(0, 6), st.integers(0, 60))
TABLES = {r.name: r for r in reports_of_followup()}


def one_table(values: list[int]) -> tuple[dict[Cell, int], list[Sum]]:
    parts = tuple(range(len(values)))
    return {**dict(enumerate(values)), "total": sum(values)}, [Sum("total", parts)]


PRIME = 2_147_483_647


def rank(rows: list[list[int]]) -> int:
    """Of a matrix, reckoned modulo a prime."""
    rows, found = [row[:] for row in rows], 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((row for row in rows[found:] if row[column] % PRIME), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        rows.insert(found, pivot)
        found, inverse = found + 1, pow(pivot[column], -1, PRIME)
        rows[found:] = [[(v - row[column] * inverse * w) % PRIME for v, w in zip(row, pivot, strict=True)] for row in rows[found:]]
    return found


def can_be_reckoned(sums: list[Sum], hidden: set[Cell]) -> list[Cell]:
    """The hidden cells that are a linear combination of shown ones: asking for it adds nothing to the equations' rank."""
    unknown = sorted(hidden, key=str)
    holds = [[(c in s.parts) - (c == s.whole) for c in unknown] for s in sums]
    return [c for c in unknown if rank([*holds, [int(c == d) for d in unknown]]) == rank(holds)]


@st.composite
def cohorts(draw: Any) -> dict[str, dict[str, int]]:
    """Tables 1, 2, 5 and the board of one cohort, which share their people; sometimes a youth stands in an ordinary job, or a course
    that is open stands at `other`, so that a sum between tables does not hold."""
    one = {key: draw(FEW) for key in ("ordinary_job", "wage_subsidy", "internship_extended", "leisure_job", "education", "returned", "flexjob")}
    back = draw(FEW)
    via = draw(st.integers(0, one["ordinary_job"]))
    straight = draw(st.integers(0, one["ordinary_job"] - via))
    return {
        "table-1": {**one, "other": back + draw(st.sampled_from([0, 0, 2]))}, "table-2": {"refuses_offers": one["returned"], "illness_pregnancy_clarification_etc": back},
        "table-5": {"via_internship_and_wage_subsidy": via, "straight_after_internship": straight, "directly": one["ordinary_job"] - via - straight},
        "target-board": {"in_ordinary_or_flexjob": one["ordinary_job"] + one["flexjob"] - min(draw(st.sampled_from([0, 0, 1])), one["ordinary_job"]),
                         "youth_in_leisure_jobs": one["leisure_job"]},
    }


def documents(tables: dict[str, dict[str, int]]) -> dict[str, dict[str, Any]]:
    return {name: {"name": name, "title": name, "as_of": A_DAY, "note": None, "total": sum(rows.values()),
                   "rows": [{"key": k, "label": k, "value": v} for k, v in rows.items()]} for name, rows in tables.items()}


# --- the rule ---------------------------------------------------------------------------------------------------------
@settings(max_examples=300, deadline=None)
@given(st.lists(FEW, min_size=1, max_size=9))
def test_no_linear_combination_of_what_a_table_shows_gives_what_it_hides(values: list[int]) -> None:
    cells, sums = one_table(values)
    hidden = hide(cells, sums)
    assert {c for c, v in cells.items() if 0 < v < LEAST} <= hidden, "every small cell is hidden"
    assert not {c for c, v in cells.items() if v == 0} & hidden, "a zero tells of nobody"
    assert can_be_reckoned(sums, hidden) == []


@settings(max_examples=150, deadline=None)
@given(cohorts())
def test_no_linear_combination_of_all_tables_of_a_day_gives_what_one_of_them_hides(tables: dict[str, dict[str, int]]) -> None:
    shown = without_small_cells(TABLES, documents(tables))
    true = {(name, key): value for name, rows in tables.items() for key, value in rows.items()} | {(n, "total"): sum(rows.values()) for n, rows in tables.items()}
    hidden: set[Cell] = {(name, r["key"]) for name, t in shown.items() for r in t["rows"] if r["value"] is None}
    hidden |= {(name, "total") for name, t in shown.items() if t["total"] is None}
    sums = [Sum((name, "total"), tuple((name, key) for key in rows)) for name, rows in tables.items()]
    sums += [Sum((name, key), tuple(p for p in parts if p in true)) for name, r in TABLES.items() for key, parts in r.made_of.items()]
    holding = [s for s in sums if true[s.whole] == sum(true[p] for p in s.parts)]
    assert {c for c, v in true.items() if 0 < v < LEAST} <= hidden
    assert can_be_reckoned(holding, hidden) == []
    for name, table in shown.items():
        assert all(r["value"] == tables[name][r["key"]] if "suppressed" not in r else r["value"] is None for r in table["rows"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 7), min_size=2, max_size=5))
def test_a_hidden_cell_could_be_more_than_one_number(values: list[int]) -> None:
    """Who knows that hidden cells are at least one, and that one of them is small, still knows none of them."""
    cells, sums = one_table(values)
    hidden = hide(cells, sums)
    if "total" in hidden or not hidden:
        return
    together = sum(cells[c] for c in hidden)
    ways = [w for w in itertools.product(range(1, together), repeat=len(hidden)) if sum(w) == together and min(w) < LEAST]
    assert all(len({w[n] for w in ways}) > 1 for n in range(len(hidden)))


@pytest.mark.parametrize(("values", "hidden"), [
    ([20, 7, 12], set()), ([20, 0, 12], set()), ([20, 3, 12], {1, 2}), ([20, 1, 1], {0, 1, 2, "total"}), ([20, 9, 1, 1], {1, 2, 3}), ([3], {0, "total"}), ([0, 0], set()),
    ([2, 4, 30], {0, 1}), ([2, 0, 0, 40, 60], {0, 3}),
])
def test_the_rule_by_example(values: list[int], hidden: set[Cell]) -> None:
    assert hide(*one_table(values)) == hidden


def test_a_table_that_shares_its_total_with_a_cell_of_another_does_not_tell_it() -> None:
    tables = {"table-1": {"ordinary_job": 3, "wage_subsidy": 8, "education": 30}, "table-5": {"directly": 3}}
    shown = without_small_cells(TABLES, documents(tables))
    assert [r["value"] for r in shown["table-1"]["rows"]] == [None, None, 30] and shown["table-1"]["total"] == 41
    assert shown["table-5"]["total"] is None and shown["table-5"]["rows"][0]["value"] is None


def test_what_is_hidden_beside_a_small_cell_is_hidden_in_the_other_table_too() -> None:
    """Refusals are hidden in table 2 because of the two beside them; table 1 has the same number under another name. Education goes
    too: without it, table 1 would give back the total of table 2."""
    tables = {"table-1": {"ordinary_job": 60, "education": 20, "returned": 10, "other": 2}, "table-2": {"refuses_offers": 10, "illness_pregnancy_clarification_etc": 2}}
    shown = without_small_cells(TABLES, documents(tables))
    assert {r["key"]: r["value"] for r in shown["table-1"]["rows"]} == {"ordinary_job": 60, "education": None, "returned": None, "other": None}
    assert [r["value"] for r in shown["table-2"]["rows"]] == [None, None] and shown["table-2"]["total"] is None


# --- what readers get -------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOBTRAPPEN_PLUGINS", "referral,followup")
        with a_world(tmp_path_factory.mktemp("reports"), services=["referral", "followup"]) as made:
            matching, began = Matching(made), TODAY - timedelta(days=10)
            for track, measure in (("adult", "ordinary_job"), ("adult", "ordinary_job"), ("adult", "wage_subsidy"), ("youth", "leisure_job")):
                case = a_course(made, track, began)
                placement = matching.placement(case, day=began, measure=measure, starts_on=began, weekly_hours=12)
                assert made.followup(CONSULTANT).post(f"/placements/{placement}/start", {"effective_date": began}).status == 200
            yield made


@pytest.mark.parametrize("who", [CASEWORKER, CONSULTANT, TEAM_LEAD])
def test_the_team_that_owns_the_cases_reads_the_true_figures(world: World, who: str) -> None:
    found = world.followup(who).get("/reports/table-1", as_of=TODAY).json
    assert found["total"] == 4 and {r["key"]: r["value"] for r in found["rows"] if r["value"]} == {"ordinary_job": 2, "wage_subsidy": 1, "leisure_job": 1}
    assert all(set(r) == {"key", "label", "value"} for r in found["rows"])


def test_an_administrator_gets_no_small_cell_in_any_form(world: World) -> None:
    admin = world.followup(ADMINISTRATOR)
    found = admin.get("/reports/table-1", as_of=TODAY).json
    job = next(r for r in found["rows"] if r["key"] == "ordinary_job")
    assert job == {"key": "ordinary_job", "label": "Job", "value": None, "suppressed": True} and found["total"] is None
    assert next(r for r in found["rows"] if r["key"] == "education")["value"] == 0
    rows = list(csv.reader(io.StringIO(admin.get("/reports/table-1", as_of=TODAY, format="csv").text), delimiter=";"))
    assert ["ordinary_job", "Job", ""] in rows and ["education", "Uddannelse", "0"] in rows
    text = admin.get("/reports/table-1", as_of=TODAY, format="text").text
    assert "* skjult" in text and not any(line.split()[-1] in ("1", "2", "4") for line in text.splitlines() if line.startswith("  "))


def test_the_page_says_hidden_where_the_api_does_and_tells_why(world: World) -> None:
    page = Browser(world.apps["followup"], ADMINISTRATOR).get("/reports/table-1")
    assert page.status == 200 and "skjult" in page.text and "under fem" in page.text
    assert ">2<" not in page.html and ">4<" not in page.html
    mine = Browser(world.apps["followup"], CONSULTANT).get("/reports/table-1")
    assert "skjult" not in mine.text and "4 i alt" in mine.text


def test_the_board_draws_what_is_reached_beside_its_goal(world: World) -> None:
    page = Browser(world.apps["followup"], CONSULTANT).get("/reports/target-board")
    assert "2 af 130" in page.text and "1 af 50" in page.text and page.html.count('class="jt-goal"') == 2
    hidden = Browser(world.apps["followup"], ADMINISTRATOR).get("/reports/target-board")
    assert "2 af 130" not in hidden.text and "130" in hidden.text and hidden.html.count('class="jt-goal"') == 2


def test_a_report_of_a_day_that_is_none_is_shown_for_today_with_the_reason(world: World) -> None:
    mehmet = Browser(world.apps["followup"], CONSULTANT)
    for wrong in ("imorgen", (TODAY + timedelta(days=1)).isoformat()):
        page = mehmet.get(f"/reports/table-1?as_of={wrong}")
        assert page.status == 200 and page.errors.get("as_of") and 'aria-invalid="true"' in page.html
    before = mehmet.get(f"/reports/table-1?as_of={TODAY - timedelta(days=11)}")
    assert "0 i alt" in before.text and before.has_link("format=csv")


def test_what_could_be_a_formula_is_only_text_in_a_spreadsheet() -> None:
    report = Report("r", "referral", "R", {"a": "=1+1", "b": "@SUM(A1)", "c": "\t=cmd", "d": "-2", "e": "Job - og mere", "=k": "x"}, lambda _tx, _day: {})
    table = documents({"r": dict.fromkeys(report.labels, 7)})["r"]
    table["rows"] = [{**row, "label": report.labels[row["key"]]} for row in table["rows"]]
    rows = list(csv.reader(io.StringIO(reports.as_csv(table)), delimiter=";"))
    assert [r[1] for r in rows[1:]] == ["'=1+1", "'@SUM(A1)", "'\t=cmd", "'-2", "Job - og mere", "x"] and rows[-1][0] == "'=k"


def test_whatever_is_written_for_a_spreadsheet_is_defused() -> None:
    """By what the code imports: who writes CSV uses the one place that knows what a formula begins with."""
    writers = [path for path in sorted((ROOT / "shared").rglob("*.py")) + sorted((ROOT / "services").rglob("*.py"))
               if re.search(r"csv\.(Dict)?[wW]riter\(", path.read_text(encoding="utf-8"))]
    assert len(writers) >= 3 and [path.name for path in writers if "defused(" not in path.read_text(encoding="utf-8")] == []
    assert [defused(text) for text in ("=1+1", " =1+1", "@SUM(A1)", "+45 11223344", "-2", "\t=cmd", "\uff1d1", "Job - og mere", "")] == [
        "'=1+1", "' =1+1", "'@SUM(A1)", "'+45 11223344", "'-2", "'\t=cmd", "'\uff1d1", "Job - og mere", ""]


def test_no_cell_of_the_access_report_is_a_formula() -> None:
    entry = {**dict.fromkeys(access.COLUMNS, "=1+1"), "at": datetime(2026, 11, 23, tzinfo=UTC)}
    [_head, row] = list(csv.reader(io.StringIO(access.as_csv({"service": "referral", "entries": [entry]})), delimiter=";"))
    assert [cell for cell in row if cell == "=1+1"] == [] and row.count("'=1+1") == len(access.COLUMNS) - 1
