# SPDX-License-Identifier: MPL-2.0
"""The pictures of the README and of docs/guide: the demo is started in a folder that goes away, its citizens live their lives, and
then people walk the main path in it while somebody takes pictures. `make pictures` takes them all anew; the same data each time.

    python -m tests.browser.pictures --into docs/guide/pictures
"""
from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jobtrappen import logs
from jobtrappen import settle as settling
from jobtrappen.bus import open_bus
from jobtrappen.demo import command, loader
from jobtrappen.demo.client import Session, sign_in
from jobtrappen.demo.people import employers
from jobtrappen.demo.plan import published_cohort
from jobtrappen.up import Suite, free_port
from jobtrappen.web.wsgi import runtimes
from tests.browser import walks
from tests.browser.conftest import CHROMIUM, QUIET
from tests.browser.office import keep_up, unmarked
from tests.browser.path import Citizen
from tests.browser.person import Person

HERE = Path(__file__).parents[2] / "docs" / "guide" / "pictures"
COLOURS = 64
"""Enough for pages of text in two colours; a picture is then a few dozen kilobytes."""
LEYLA = Citizen("Leyla", "Aydin", command.PINNED.isoformat(), "Butiksmedhjælper", "Vil gerne arbejde i et bageri", school="Hytten")
PICTURES = 32
"""How many there are, for the progress bar."""


class Camera:
    """Takes what a person sees, into a folder."""

    def __init__(self, folder: Path, told: Callable[[str], None] = lambda name: None) -> None:
        self.folder, self.told = folder, told
        self.taken: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, person: Person, name: str, tall: int) -> None:
        page = person.page
        page.evaluate("document.activeElement && document.activeElement.blur(); window.scrollTo(0, 0)")
        page.evaluate("document.fonts.ready.then(() => true)")
        size = page.viewport_size
        tall = min(page.evaluate("document.documentElement.scrollHeight"), tall)
        shot = page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": size["width"], "height": tall}, animations="disabled", caret="hide")
        few = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(self.folder / f"{name}.png", optimize=True)
        self.taken.append(name)
        self.told(name)


def lives(suite: Suite, bar: Progress) -> None:
    """The demo's citizens, without the marks that tests search for; and what is due until its day is done."""
    cohort = unmarked(published_cohort())
    session = Session(suite.urls, sign_in(suite.urls, loader.LOG_INS), "pictures")
    lived = bar.add_task("Lives lived through the APIs", total=len(cohort))
    loader.load(session, cohort, employers(), done=lambda: bar.advance(lived))
    made, bus = runtimes("all", suite.settings), open_bus(suite.settings.bus)
    settling.settle(made, bus, 300.0)
    work = bar.add_task("What is due is done", total=None)
    bar.update(work, total=keep_up(session, command.PINNED, done=lambda: bar.advance(work)))
    settling.settle(made, bus, 300.0)
    bus.close()
    for runtime in made:
        runtime.close()


def take_all(folder: Path, console: Console) -> list[str]:
    """Start the demo, let it live, walk, and take the pictures. Returns: their names."""
    from playwright.sync_api import sync_playwright

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory(prefix="jobtrappen-pictures-") as home:
        settings = command.demo_settings(Path(home), None, None, f"127.0.0.1:{free_port()}")
        with Suite(settings, log=f"{home}/suite.log") as suite, Progress(*columns, console=console) as bar:
            lives(suite, bar)
            taking = bar.add_task("Pictures", total=PICTURES)
            camera = Camera(folder, lambda name: bar.update(taking, advance=1, description=f"Picture {name}"))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
                walks.everybody(walks.Cast(browser, suite.urls["referral"].rsplit("/", 1)[0], camera), suite, LEYLA)
                browser.close()
    return camera.taken


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.browser.pictures", description=(__doc__ or "").split("\n\n")[0])
    asked.add_argument("--into", type=Path, default=HERE, help="where the pictures are written (default: docs/guide/pictures)")
    folder = asked.parse_args().into
    logs.configure("error")
    console = Console()
    taken = take_all(folder, console)
    size = sum((folder / f"{name}.png").stat().st_size for name in taken)
    console.print(f"{len(taken)} pictures, {size / 1e6:.1f} MB, in {folder}")
    for old in sorted(one.name for one in folder.glob("*.png") if one.stem not in taken):
        console.print(f"{old} was not taken; is it needed?")
    return 0


if __name__ == "__main__":
    sys.exit(main())
