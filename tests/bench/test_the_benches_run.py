# SPDX-License-Identifier: MPL-2.0
"""The benches run and print a ratio each; how large it is, is no test's business."""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import pages, report
from tests.bench.rounds import Ratio, compare, percentile

ROOT = Path(__file__).parents[2]
MISSING = 69


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.kafka
def test_every_bench_runs_and_prints_its_ratios() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.bench", "--quick"], cwd=ROOT, capture_output=True, text=True, timeout=600)
    if done.returncode == MISSING and os.environ.get("CI") != "true":
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for bench, lines in {"web": 2, "relay": 2, "consumer": 2, "latency": 2}.items():
        ratios = [float(found) for found in re.findall(rf"^ *{bench}: .*: ratio (\d+\.\d+) ", done.stdout, re.MULTILINE)]
        assert len(ratios) == lines and all(ratio > 0 for ratio in ratios), done.stdout


@pytest.mark.slow
def test_every_list_page_is_timed_beside_the_api(tmp_path: Path) -> None:
    results = tmp_path / "pages.json"
    done = subprocess.run([sys.executable, "-m", "tests.bench.pages", "--cases", "60", "--times", "1", "--results", str(results)], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    [run] = json.loads(results.read_text(encoding="utf-8"))
    assert run["cases"] >= 60 and {one["service"] for one in run["pages"]} == {"referral", "matching", "followup", "partners"}
    assert len(run["pages"]) > 30 and all(one["api"] > 0 and one["quickest"] > 0 and one["cpu"] > 0 for one in run["pages"])
    page = tmp_path / "page.md"
    page.write_text(f"before\n{pages.BEGIN}\nold\n{pages.END}\nafter\n", encoding="utf-8")
    report.put(pages.table([run]), page, pages.BEGIN, pages.END)
    assert "| referral / | caseworker |" in page.read_text(encoding="utf-8") and "old" not in page.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.usefixtures("postgres_server")
def test_backup_restore_and_rebuild_are_timed_on_both_databases() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.bench.restore_time", "--cases", "12"], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for kind in ("sqlite", "postgresql"):
        table = re.search(rf"^{kind}: 12 cases, .* 96 events on its topic\n\n((?:\|.*\n)+)", done.stdout, re.MULTILINE)
        assert table is not None and len(re.findall(r"^\| (?:backup|restore, with the list of 96 forgotten events|rebuild of .*) \| \d+\.\d s \|$", table[1], re.MULTILINE)) == 3


def test_a_ratio_is_the_median_of_its_rounds() -> None:
    ours, base, ratio, spread = compare([10.0, 20.0, 90.0], [20.0, 40.0, 100.0])
    assert (ours, base, ratio, spread) == (20.0, 40.0, 0.5, (0.5, 0.9))
    assert percentile(list(range(1, 101)), 0.99) == 100


def test_only_what_stands_between_the_marks_is_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    report.write("new", page)
    assert page.read_text(encoding="utf-8") == f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n"
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="measured: begin"):
        report.write("new", page)


def test_a_goal_is_met_from_its_own_side() -> None:
    more = Ratio("web", "x", 60, 100, "requests/s", 0.6, (0.5, 0.7), 0.6)
    less = Ratio("latency", "x", 6, 1, "ms", 6.0, (5, 7), 5.0, "less")
    assert more.met and not less.met
    assert "ratio 0.60 (goal ≥ 0.6" in more.line() and "ratio 6.00 (goal ≤ 5" in less.line()
