# SPDX-License-Identifier: MPL-2.0
"""A file system under SQLite that can lose its power: a VFS (https://sqlite.org/vfs.html) in front of the system's own one that
remembers what was written to each file since its last fsync.

`cut` makes the files as a machine would find them afterwards: what was synced, and of what was not synced nothing, all, a
beginning, or any choice of 512-byte sectors. Made and deleted files are taken as durable, and so is shared memory, which
SQLite builds anew anyway. It works on the SQLite library that Python itself uses, so the product's own code runs on it.
"""
from __future__ import annotations

import _sqlite3
import ctypes
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.process import Missing

SECTOR = 512
_File, _Int, _Long, _Pointer = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_void_p
_CLOSE = ctypes.CFUNCTYPE(_Int, _File)
_WRITE = ctypes.CFUNCTYPE(_Int, _File, _Pointer, _Int, _Long)
_TRUNCATE = ctypes.CFUNCTYPE(_Int, _File, _Long)
_SYNC = ctypes.CFUNCTYPE(_Int, _File, _Int)
_OPEN = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _File, _Int, _Pointer)
_DELETE = ctypes.CFUNCTYPE(_Int, _Pointer, ctypes.c_char_p, _Int)


class _Methods(ctypes.Structure):
    """sqlite3_io_methods."""
    _fields_ = [("version", _Int), ("close", _Pointer), ("read", _Pointer), ("write", _Pointer), ("truncate", _Pointer), ("sync", _Pointer),
                ("rest", _Pointer * 13)]


class _Vfs(ctypes.Structure):
    """sqlite3_vfs."""
    _fields_ = [("version", _Int), ("file_size", _Int), ("longest_name", _Int), ("next", _Pointer), ("name", ctypes.c_char_p), ("data", _Pointer),
                ("open", _Pointer), ("delete", _Pointer), ("rest", _Pointer * 16)]


@dataclass
class Written:
    """One file: what would survive, and what has been written since."""

    durable: bytearray
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """(offset, bytes), or (new size, None) where it was cut shorter."""

    def sync(self) -> None:
        apply(self.durable, self.pending)
        self.pending.clear()

    def after(self, dice: random.Random) -> bytes:
        """The content after a power cut now."""
        found, fate = bytearray(self.durable), dice.choice(("nothing", "all", "beginning", "sectors", "sectors"))
        if fate == "all":
            apply(found, self.pending)
        elif fate == "beginning":
            apply(found, self.pending[:dice.randint(0, len(self.pending))])
        elif fate == "sectors":
            apply(found, [part for one in self.pending for part in sectors(*one) if dice.random() < 0.5])
        return bytes(found)


def apply(content: bytearray, writes: list[tuple[int, bytes | None]]) -> None:
    for at, data in writes:
        if data is None:
            del content[at:]
        else:
            content.extend(bytes(max(0, at - len(content))))
            content[at:at + len(data)] = data


def sectors(at: int, data: bytes | None) -> Iterator[tuple[int, bytes | None]]:
    """A write as the disk does it: any of its sectors may be there and any other not."""
    if data is None:
        yield at, None
        return
    end = at + len(data)
    while at < end:
        size = min(SECTOR - at % SECTOR, end - at)
        yield at, data[len(data) - (end - at):len(data) - (end - at) + size]
        at += size


class Disk:
    """The files under one folder, as SQLite writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lock = str(folder) + "/", threading.RLock()
        self.files: dict[str, Written] = {}
        self.syncs = 0
        self._open: dict[int, str] = {}
        self._tables: dict[int, _Methods] = {}
        self._kept: list[Any] = []
        """What C calls must not be collected."""

    def cut(self, into: Path, dice: random.Random, told: Callable[[], Any]) -> Any:
        """The power fails now. Writes the files as they are found afterwards; returns what `told` says of this very moment."""
        into.mkdir()
        with self.lock:
            known = told()
            found = {name: written.after(dice) for name, written in sorted(self.files.items())}
        for name, content in found.items():
            (into / Path(name).name).write_bytes(content)
        return known

    def opened(self, file: int, name: str) -> None:
        with self.lock:
            self._open[file] = name
            if name not in self.files:
                path = Path(name)
                self.files[name] = Written(bytearray(path.read_bytes() if path.exists() else b""))

    def methods(self, original: int) -> _Methods:
        """A copy of a file's methods in which writing, cutting, syncing and closing are seen."""
        if original in self._tables:
            return self._tables[original]
        theirs = _Methods.from_address(original)
        mine = _Methods.from_buffer_copy(theirs)
        write, truncate, close = _WRITE(theirs.write), _TRUNCATE(theirs.truncate), _CLOSE(theirs.close)

        def on_write(file: int, data: int, amount: int, at: int) -> int:
            with self.lock:
                done = write(file, data, amount, at)
                if done == 0 and file in self._open:
                    self.files[self._open[file]].pending.append((at, ctypes.string_at(data, amount)))
            return done

        def on_truncate(file: int, size: int) -> int:
            with self.lock:
                done = truncate(file, size)
                if done == 0 and file in self._open:
                    self.files[self._open[file]].pending.append((size, None))
            return done

        def on_sync(file: int, _flags: int) -> int:
            """No real fsync: this disk's own memory is what counts, and the tests are faster."""
            with self.lock:
                if file in self._open:
                    self.files[self._open[file]].sync()
                    self.syncs += 1
            return 0

        def on_close(file: int) -> int:
            with self.lock:
                self._open.pop(file, None)
            return close(file)

        mine.write, mine.truncate = self._c(_WRITE, on_write), self._c(_TRUNCATE, on_truncate)
        mine.sync, mine.close = self._c(_SYNC, on_sync), self._c(_CLOSE, on_close)
        return self._tables.setdefault(original, mine)

    def _c(self, kind: Any, function: Callable[..., int]) -> int:
        made = kind(function)
        self._kept.append(made)
        return int(ctypes.cast(made, _Pointer).value or 0)

    def vfs(self, original: int) -> _Vfs:
        theirs = _Vfs.from_address(original)
        mine = _Vfs.from_buffer_copy(theirs)
        name = ctypes.c_char_p(b"power-cut")
        open_, delete = _OPEN(theirs.open), _DELETE(theirs.delete)

        def on_open(_vfs: int, path: int | None, file: int, flags: int, out: int | None) -> int:
            done = open_(original, path, file, flags, out)
            where = ctypes.string_at(path).decode() if path else ""
            pointer = ctypes.c_void_p.from_address(file)
            if done == 0 and pointer.value and where.startswith(self.folder):
                self.opened(file, where)
                pointer.value = ctypes.addressof(self.methods(pointer.value))
            return done

        def on_delete(_vfs: int, path: bytes, directory: int) -> int:
            with self.lock:
                self.files.pop(path.decode(), None)
            return delete(original, path, directory)

        mine.name, mine.next = name, None
        mine.open, mine.delete = self._c(_OPEN, on_open), self._c(_DELETE, on_delete)
        self._kept += [name, mine]
        return mine


_FOREVER: list[Disk] = []
"""A connection that somebody closes late still calls its disk."""


@contextmanager
def a_disk(folder: Path) -> Iterator[Disk]:
    """From now on SQLite's files under this folder stand on such a disk.

    Raises:
        Missing: this Python carries an SQLite of its own that cannot be reached.
    """
    library = ctypes.CDLL(_sqlite3.__file__)
    try:
        find, register = library.sqlite3_vfs_find, library.sqlite3_vfs_register
    except AttributeError:
        raise Missing("This Python does not load SQLite as a shared library. Use a Python that does, as Debian's.") from None
    find.restype, find.argtypes = _Pointer, [ctypes.c_char_p]
    register.argtypes = [_Pointer, _Int]
    system, disk = find(None), Disk(folder)
    _FOREVER.append(disk)
    vfs = disk.vfs(system)
    register(ctypes.addressof(vfs), 1)
    try:
        yield disk
    finally:
        library.sqlite3_vfs_unregister(ctypes.c_void_p(ctypes.addressof(vfs)))
        register(system, 1)
