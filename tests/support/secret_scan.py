# SPDX-License-Identifier: MPL-2.0
"""Finds secrets in files that are or would be committed: forms that are known, and long random words.

What only looks like one (a digest, an id in a golden sample) is told by its form or stands in ALLOWED with the reason.
"""
from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

FORMS = {
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE " r"KEY-----"),
    "AWS key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})\b"),
    "GitLab token": re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}\b"),
    "Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}\b"),
    "signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "partner key": re.compile(r"\bjt_[0-9a-f]{12}_[A-Za-z0-9_-]{20,}"),
    "URL with a password": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@{}<>\"'`]+:(?![{$<])(?!(?:password|hidden-word|secret|another)\b)[^\s/@{}<>\"'`]{6,}@"),
    "named secret": re.compile(r"(?i)\b(?:password|passwd|secret|api_?key|token)\b[\"']?\s*[:=]\s*[\"'](?=[^\"']*\d)(?=[^\"']*[A-Za-z])[A-Za-z0-9+/_=.-]{20,}[\"']"),
}
WORD = re.compile(r"(?<![A-Za-z0-9+/_.%-])[A-Za-z0-9+/_-]{32,}={0,2}(?![A-Za-z0-9+/_=-])")
DIGEST = re.compile(r"[0-9a-f]{32,128}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
BITS = 4.3
"""Shannon entropy for each character; a random base64 word of 43 characters has about 4.9, English in one word under 4."""
ALLOWED: dict[str, str] = {
    "frontend/package-lock.json": "npm's digests of the packages",
    "tests/integration/test_the_doctor.py": "keys that are made up for one test",
}


def entropy(word: str) -> float:
    """Bits for each character."""
    return -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())


def secrets_in(name: str, text: str) -> Iterator[str]:
    """`file:line: what`, without the secret itself."""
    for number, line in enumerate(text.splitlines(), start=1):
        for what, form in FORMS.items():
            if form.search(line):
                yield f"{name}:{number}: {what}"
        for word in WORD.findall(line):
            if not DIGEST.fullmatch(word) and _random(word):
                yield f"{name}:{number}: a random word of {len(word)} characters"


def _random(word: str) -> bool:
    """A path or a name in snake_case has short parts; a random word has all three kinds of characters in one."""
    parts = re.split(r"[/_-]", word.rstrip("="))
    mixed = all(re.search(kind, word) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return mixed and entropy(word) >= BITS and max(map(len, parts)) >= 12


def scan(files: Iterator[tuple[str, Path]]) -> list[str]:
    """Everything that is found in these files; those that are no text have none of the forms."""
    found: list[str] = []
    for name, path in files:
        if name not in ALLOWED:
            try:
                found += secrets_in(name, path.read_text(encoding="utf-8"))
            except UnicodeDecodeError:
                continue
    return found
