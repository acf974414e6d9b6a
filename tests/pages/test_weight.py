# SPDX-License-Identifier: MPL-2.0
"""A page, with everything that it loads but the fonts, is under 100 kB over the wire the first time, as the server really sends it.

Pages themselves are not packed: they carry what people typed beside the token of their forms and other people's names, and the length
of a packed answer tells something of both (BREACH). Stylesheet, scripts and icons hold no secret and are packed.
"""
from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from jobtrappen.config import PATHS, SERVICES
from jobtrappen.web.pages.assets import STATIC
from tests.pages.every_page import WHO, Municipality, at_nine

MOST = 100_000
HEADERS = 800
"""Status line and headers of an answer, generously."""
USED = re.compile(r'url\("?(img/[^")]+)"?\)')


@pytest.fixture(autouse=True)
def _there_at_nine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("JOBTRAPPEN_PLUGINS", raising=False)
    with at_nine():
        yield


def weight(municipality: Municipality, address: str) -> int:
    """Bytes of a file of the theme as a browser receives it."""
    answer = municipality.by("karen").client.get(address, headers={"Accept-Encoding": "gzip, deflate, br"})
    assert answer.status_code == 200, address
    return len(answer.get_data()) + HEADERS


@pytest.mark.parametrize("service", SERVICES)
def test_every_page_is_light_with_all_that_it_loads(municipality: Municipality, service: str) -> None:
    """Of the stylesheet's pictures a page shows a few; the twelve heaviest are counted for each."""
    sheet = f"{PATHS[service]}/static/"
    pictures = {name: weight(municipality, sheet + name) for name in set(USED.findall((STATIC / "theme.css").read_text(encoding="utf-8")))}
    heaviest = sum(sorted(pictures.values())[-12:])
    loaded: dict[str, int] = {}
    heavy = []
    for who in WHO:
        for visit in municipality.visits(service, who):
            if visit.page.status != 200:
                continue
            linked = [at["href"] for tag, at in visit.page.reader.tags if tag == "link"] + [at["src"] for tag, at in visit.page.reader.tags if tag in ("script", "img")]
            assert all(urlsplit(one).netloc == "" and "?v=" in one for one in linked), linked
            for one in linked:
                loaded.setdefault(one, weight(municipality, one))
            total = len(visit.page.html.encode()) + HEADERS + sum(loaded[one] for one in linked) + heaviest
            if total >= MOST:
                heavy.append((visit.address, who, total))
    assert heavy == [] and loaded


@pytest.mark.parametrize("name", ["theme.css", "dkfds.js", "pages.js", "icon.svg"])
def test_files_of_the_theme_are_packed_for_those_who_can_unpack_them(municipality: Municipality, name: str) -> None:
    client, address = municipality.by("karen").client, f"{PATHS['referral']}/static/{name}"
    packed, plain = (client.get(address, headers={"Accept-Encoding": how}) for how in ("gzip", "identity"))
    assert (packed.headers.get("Content-Encoding"), plain.headers.get("Content-Encoding")) == ("gzip", None)
    assert gzip.decompress(packed.get_data()) == plain.get_data() and len(packed.get_data()) < len(plain.get_data())
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    refused = client.get(address, headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert refused.headers.get("Content-Encoding") is None


def test_pages_are_not_packed(municipality: Municipality) -> None:
    answer = municipality.by("karen").client.get(f"{PATHS['referral']}/", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200 and "Content-Encoding" not in answer.headers and "csrf_token" in answer.get_data(as_text=True)
