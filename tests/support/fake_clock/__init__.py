# SPDX-License-Identifier: MPL-2.0
"""A clock that is set forward and back while processes run, as when somebody sets the machine's time: the time of day jumps,
the clock that only counts on (`time.monotonic`) does not. Python alone sees it: SQLite, PostgreSQL and Kafka keep theirs.
"""
from __future__ import annotations

import os
from pathlib import Path


class Clock:
    """The time of day of every Python process that is started with `environment`; hours beside the machine's own."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)
        here = str(Path(__file__).with_name("on_start"))
        self.environment = {"TEST_CLOCK_FILE": str(self._file), "PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))}

    def set(self, hours: float) -> None:
        """From now on (within milliseconds) the processes' time of day is this many hours beside the machine's."""
        new = self._file.with_suffix(".new")
        new.write_text(str(hours * 3600))
        new.replace(self._file)
