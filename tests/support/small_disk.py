# SPDX-License-Identifier: MPL-2.0
"""A disk of a few megabytes that can be filled up and freed: a tmpfs, which only root can mount."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.process import Missing


class SmallDisk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Not a byte is left. Called again, it takes what has become free."""
        with open(self._ballast, "ab", buffering=0) as ballast, suppress(OSError):
            while ballast.write(b"\0" * 4096):
                pass

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextmanager
def a_small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Raises Missing for anybody but root."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        raise Missing("a small disk is a mounted tmpfs, which takes root.")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=777", "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"a tmpfs could not be mounted: {done.stderr}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
