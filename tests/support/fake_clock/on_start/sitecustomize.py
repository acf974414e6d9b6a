# SPDX-License-Identifier: MPL-2.0
"""Python imports this by its name at the start of a process that has this folder on its path: from then on the process reads
its time of day through time-machine, and follows the file that TEST_CLOCK_FILE names. A fork (gunicorn's workers) follows too.
"""
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

_count = time.monotonic
_wait = time.sleep
_began, _counted = time.time(), _count()
_clock = time_machine.travel(datetime.now(UTC), tick=True).start()


def _follow() -> None:
    file, shown = Path(os.environ["TEST_CLOCK_FILE"]), None
    while True:
        beside = float(file.read_text())
        if beside != shown:
            _clock.move_to(datetime.fromtimestamp(_began, UTC) + timedelta(seconds=_count() - _counted + beside))
            shown = beside
        _wait(0.01)


def _start() -> None:
    threading.Thread(target=_follow, name="clock", daemon=True).start()


os.register_at_fork(after_in_child=_start)
_start()
