# SPDX-License-Identifier: MPL-2.0
"""The guides show pictures that are there, say in words what is on them, and call buttons and fields what the pages call them."""
from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.browser import guides
from tests.browser.guides import GUIDE, LINK, PAGES, ROOT

README = ROOT / "README.md"
DOCUMENTS = [README, *PAGES]
NAMES = [str(one.relative_to(ROOT)) for one in DOCUMENTS]
FILE, ALL = 120_000, 2_000_000
"""So many bytes a picture takes at most, and all of them."""


def test_there_is_a_guide_for_each_role_and_the_readme_leads_to_them() -> None:
    assert {one.stem for one in PAGES} == {"README", "sagsbehandler", "jobkonsulent", "partner", "administrator"}
    assert {(GUIDE / address).resolve() for address, _ in LINK.findall((GUIDE / "README.md").read_text(encoding="utf-8"))} >= {one for one in PAGES if one.stem != "README"}
    assert "docs/guide/" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_picture_is_there_and_says_what_is_on_it(document: Path) -> None:
    assert [file.name for _alt, file in guides.pictures(document) if not file.is_file()] == []
    assert [file.name for alt, file in guides.pictures(document) if len(alt) < 20] == []


def test_every_picture_is_used_and_none_is_large() -> None:
    used = {file for document in DOCUMENTS for _alt, file in guides.pictures(document)}
    there = set((GUIDE / "pictures").iterdir())
    assert there - used == set(), "nobody looks at these"
    sizes = {one.name: one.stat().st_size for one in there}
    assert {name: size for name, size in sizes.items() if size > FILE} == {} and sum(sizes.values()) < ALL
    for one in there:
        with Image.open(one) as image:
            assert image.format == "PNG" and image.width <= 1440, one.name


@pytest.mark.parametrize("document", PAGES, ids=NAMES[1:])
def test_words_in_bold_stand_on_the_pages(document: Path) -> None:
    known = guides.danish() | {"fed skrift"}
    assert [text for text in guides.quoted(document) if text not in known] == []


@pytest.mark.parametrize("document", PAGES, ids=NAMES[1:])
def test_every_link_of_a_guide_leads_to_a_file_and_its_heading(document: Path) -> None:
    for address, anchor in LINK.findall(document.read_text(encoding="utf-8")):
        if not address.startswith("http"):
            target = (document.parent / address).resolve()
            assert target.is_file(), address
            headings = {"#" + re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in target.read_text(encoding="utf-8").splitlines() if line.startswith("#")}
            assert not anchor or anchor in headings, anchor


@pytest.mark.parametrize("document", PAGES, ids=NAMES[1:])
def test_a_guide_is_read_in_ten_minutes(document: Path) -> None:
    assert len(document.read_text(encoding="utf-8").split()) < 1_500
