# SPDX-License-Identifier: MPL-2.0
"""`make pictures` works: one of its walks on the suite of this package, with the same camera, gives the pictures that it should."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from PIL import Image

from jobtrappen.up import Suite
from tests.browser import walks
from tests.browser.path import Citizen
from tests.browser.pictures import HERE, PICTURES, Camera
from tests.browser.town import DAY

BROWSER = Path(__file__).parent


def test_a_walk_leaves_its_pictures(suite: Suite, chromium: Any, tmp_path: Path) -> None:
    told: list[str] = []
    camera = Camera(tmp_path / "pictures", told.append)
    cast = walks.Cast(chromium, suite.urls["referral"].rsplit("/", 1)[0], camera)
    walks.caseworker(cast, Citizen("Billa", "Billedsen", DAY, "", "", "")).leave()
    assert told == camera.taken == ["sagsbehandler-log-ind", "sagsbehandler-opgaver", "sagsbehandler-opret-sag", "sagsbehandler-henvisning", "sagsbehandler-sag"]
    for name in told:
        with Image.open(tmp_path / "pictures" / f"{name}.png") as image:
            assert image.format == "PNG" and image.width == walks.DESK["width"] and 600 <= image.height <= 1000, name
            assert len(image.getcolors() or []) > 8, f"{name} is blank"


def test_the_folder_holds_what_the_walks_take() -> None:
    """A picture that a walk no longer takes, or that nobody has taken yet, is found without walking."""
    named = set(re.findall(r'picture(?:\(|=)"([\w-]+)"', "".join((BROWSER / name).read_text(encoding="utf-8") for name in ("path.py", "walks.py"))))
    assert named == {one.stem for one in HERE.glob("*.png")} and len(named) == PICTURES
