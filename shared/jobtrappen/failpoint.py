# SPDX-License-Identifier: MPL-2.0
"""Named places between two steps at which a test may kill the process, to prove that nothing is lost there.

JOBTRAPPEN_TEST_FAILPOINT="relay.after_send:3" ends the process with SIGKILL at the third hit. Unset, a hit costs one
comparison.
"""
from __future__ import annotations

import os
import signal

_name, _, _count = os.environ.get("JOBTRAPPEN_TEST_FAILPOINT", "").partition(":")
_left = int(_count or 1)


def hit(name: str) -> None:
    """Pass, or die here if the environment says so."""
    global _left
    if name == _name:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
