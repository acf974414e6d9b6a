# SPDX-License-Identifier: MPL-2.0
"""How tests wait: as long as something moves, and not for what stands still."""
from __future__ import annotations

import itertools

import pytest

from tests.support.process import wait_until

LOOKS = 25
"""More than fit into the time that is given for a standstill; a look that finds nothing is followed by 20 ms of rest."""


def test_what_moves_is_waited_for_longer_than_what_stands_still() -> None:
    def after(looks: int) -> itertools.count[int]:
        return itertools.count(-looks)

    moving, standing = after(LOOKS), after(LOOKS)
    left = [0]

    def done() -> bool:
        left[0] = next(moving)
        return left[0] >= 0

    wait_until(done, 0.1, "what moves", moves=lambda: left[0])
    with pytest.raises(TimeoutError, match="what stands still"):
        wait_until(lambda: next(standing) >= 0, 0.1, "what stands still", moves=lambda: "the same")


def test_what_moves_for_ever_is_given_up_too() -> None:
    steps = itertools.count()
    with pytest.raises(TimeoutError, match="a circle"):
        wait_until(lambda: False, 0.1, "a circle", moves=lambda: next(steps))
