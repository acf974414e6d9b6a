# SPDX-License-Identifier: MPL-2.0
"""Text that is opened in a spreadsheet must stay text there: what would begin a formula is given an apostrophe."""
from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula."""


def defused(text: str) -> str:
    """The text as a cell that no spreadsheet computes."""
    return f"'{text}" if text.startswith(FORMULA) or text.lstrip().startswith(FORMULA) else text
