# SPDX-License-Identifier: MPL-2.0
"""The tool's own processes: `live <home> <database> <first> <cases>` sends; `work <home> <database> [relay|consume [service]]` turns the
workers (or one kind of them, or one service's) until SIGTERM, and then until nothing is left."""
from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import structlog

from jobtrappen.settle import open_work
from tests.load import lives
from tests.load.place import Place, settings


def main(what: str, home: str, database: str, *numbers: str) -> int:
    """Says on its output how far it is: one line a hundred cases."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    place = Place(settings(Path(home), database), hurried=True)
    try:
        if what == "work":
            print(0, flush=True)
            place.work(lambda: over.is_set() and not open_work(place.runtimes.values(), place.bus), numbers[:1] or ("relay", "consume"), numbers[1:])
        else:
            first, cases = map(int, numbers)
            for done, _ in enumerate(lives.live(place, first, cases), 1):
                if over.is_set():
                    break
                if done % 50 == 0 or done == cases:
                    print(done, flush=True)
    finally:
        place.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
