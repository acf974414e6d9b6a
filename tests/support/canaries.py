# SPDX-License-Identifier: MPL-2.0
"""Searching every byte that a run left outside its owners' databases for planted personal values."""
from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from jobtrappen.bus import Record

UNICODE_ESCAPE = re.compile(rb"\\u([0-9a-fA-F]{4})")


SHORTEST = 6
"""Canaries are at least this long in bytes; their first bytes are looked up in a set of all that stand in a text."""


def readings(text: bytes) -> Iterable[bytes]:
    """A text as it is, with JSON's escapes resolved, and with a URL's: every way in which a name may hide."""
    yield text
    if b"\\u" in text:
        yield UNICODE_ESCAPE.sub(lambda m: chr(int(m[1], 16)).encode("utf-8", "replace"), text)
    if b"%" in text:
        yield unquote_to_bytes(text)


def _unpacked(blob: bytes) -> bytes:
    return gzip.decompress(blob) if blob[:2] == b"\x1f\x8b" else blob


def found_in(blobs: Iterable[bytes | None], canaries: Iterable[str]) -> list[str]:
    """The canaries that any blob holds, in UTF-8 or Latin-1, whatever the case."""
    text = b"\n".join(_unpacked(blob) for blob in blobs if blob)
    found: set[str] = set()
    for reading in readings(text):
        for encoding in ("utf-8", "latin-1"):
            low = reading.decode(encoding, "replace").lower().encode()
            starts = {low[at:at + SHORTEST] for at in range(len(low) - SHORTEST + 1)}
            found |= {c for c in canaries if (needle := c.lower().encode())[:SHORTEST] in starts and len(needle) >= SHORTEST and needle in low}
    return sorted(found)


def bytes_of(records: Iterable[Record]) -> Iterable[bytes]:
    """Keys, headers and values of records."""
    for record in records:
        yield record.topic.encode()
        yield record.key or b""
        yield record.value or b""
        for name, value in record.headers:
            yield name.encode()
            yield value
