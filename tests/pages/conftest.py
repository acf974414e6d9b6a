# SPDX-License-Identifier: MPL-2.0
"""The municipality in which every page has something to show: made once for all tests that only look, or that put back what they changed."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pages.every_page import Municipality, a_municipality


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--snapshots-anew", action="store_true", help="write tests/pages/snapshots/ as the pages are now; look at the difference before it is committed")


@pytest.fixture(scope="session")
def municipality(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Municipality]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("JOBTRAPPEN_PLUGINS", raising=False)
        with a_municipality(tmp_path_factory.mktemp("municipality")) as made:
            yield made
