# SPDX-License-Identifier: MPL-2.0
"""gunicorn's configuration beside its command line: the folder in which its workers share what they count."""
from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from jobtrappen.metrics import SHARED

NAME = "jobtrappen-metrics-"
MEMORY = "/dev/shm"
LOCK = "server.lock"


def share_metrics() -> None:
    """Name the folder to the server that is started next. It lies in memory where that can be had: the files are mapped,
    and a full disk under a mapped file ends the process that writes to it, instead of answering 503."""
    if os.environ.get(SHARED):
        return
    in_memory = os.path.isdir(MEMORY) and os.access(MEMORY, os.W_OK)
    above = Path(MEMORY if in_memory else tempfile.gettempdir())
    _sweep(above)
    os.environ[SHARED] = tempfile.mkdtemp(prefix=NAME, dir=above)
    held = os.open(Path(os.environ[SHARED]) / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    os.set_inheritable(held, True)  # the server and its workers hold it until the last of them has ended


def _sweep(above: Path) -> None:
    """Delete what servers left behind that were killed: nobody holds the lock any more."""
    for folder in above.glob(f"{NAME}*"):
        with suppress(OSError), open(folder / LOCK, "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def child_exit(_server: Any, worker: Any) -> None:
    """gunicorn calls this when a worker has ended: what it held is held no more, what it counted stays."""
    from prometheus_client import multiprocess

    if os.environ.get(SHARED):
        multiprocess.mark_process_dead(worker.pid)


def on_exit(_server: Any) -> None:
    """gunicorn calls this at its end. A folder that the operator named is hers."""
    folder = os.environ.get(SHARED, "")
    if os.path.basename(folder).startswith(NAME):
        shutil.rmtree(folder, ignore_errors=True)
