# SPDX-License-Identifier: MPL-2.0
"""The embedded suite as `jobtrappen up` starts it, once for this package, and Debian's Chromium in front of it."""
from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobtrappen.up import Suite
from tests.browser.person import Person
from tests.browser.town import Town, settings
from tests.conftest import missing
from tests.support.process import Missing

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
"""Chromium as root in a container, and without a word to anybody but the suite."""


@pytest.fixture(scope="package")
def suite(tmp_path_factory: pytest.TempPathFactory, chromium: Any) -> Iterator[Suite]:
    home = tmp_path_factory.mktemp("browser")
    with Suite(settings(home), log=str(home / "suite.log")) as started:
        yield started


@pytest.fixture(scope="package")
def town(suite: Suite) -> Town:
    return Town(suite)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing(Missing("playwright is not installed: uv sync (it is of the dev group)"))
    if not os.access(CHROMIUM, os.X_OK):
        missing(Missing("Chromium is not installed: apt-get install chromium"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    if not AXE.exists():
        missing(Missing("axe-core is not there: cd frontend && npm ci --ignore-scripts"))
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def someone(chromium: Any, suite: Suite) -> Iterator[Callable[..., Person]]:
    """Makes people, each with a browser context of their own. At the end none of them has met a broken script, a refused
    resource, or another host."""
    people: list[Person] = []

    def make(**context: Any) -> Person:
        people.append(Person(chromium, suite.urls["referral"].rsplit("/", 1)[0], **context))
        return people[-1]

    yield make
    faults = [fault for person in people for fault in person.faults]
    for person in people:
        person.leave()
    assert faults == []
