# SPDX-License-Identifier: MPL-2.0
"""A phone number or an e-mail address is a link where it is one, and never anything else."""
from __future__ import annotations

import pytest

from jobtrappen.web.pages.things import mailto, tel


@pytest.mark.parametrize(("typed", "link"), [
    ("+45 12 34 56 78", "tel:+4512345678"), ("12345678", "tel:12345678"), ("12-34-56-78 (kun formiddag)", "tel:12345678"), ("112", "tel:112"), ("Tlf. 12345678 (kl. 9-12)", "tel:12345678"),
    ("", ""), (None, ""), ("ring til kontoret", ""), ("12", ""), ("javascript:alert(1234)", "tel:1234"),
])
def test_a_number_can_be_called(typed: str | None, link: str) -> None:
    assert tel(typed) == link


@pytest.mark.parametrize(("typed", "link"), [
    ("bo@bageri.example", "mailto:bo@bageri.example"), (" bo@bageri.example ", "mailto:bo@bageri.example"), ("søren@blå.example", "mailto:s%C3%B8ren@bl%C3%A5.example"),
    ("", ""), (None, ""), ("bo", ""), ("a@b@c", ""), ("bo@b.example?bcc=x@y.example", ""), ("javascript:alert(1)", ""), ("a b@c.example", ""),
])
def test_an_address_can_be_written_to(typed: str | None, link: str) -> None:
    assert mailto(typed) == link
