# SPDX-License-Identifier: MPL-2.0
"""Every page of the four services, found by the sites' own lists, as each role that may meets it in a municipality where somebody
stands at every stage. A page that is added is among them by itself."""
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import time_machine
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect

from jobtrappen.config import PATHS, SERVICES
from jobtrappen.plugins import manager
from jobtrappen.web.app import one_address, routes
from jobtrappen.web.pages import serve
from jobtrappen.web.pages import site as sites
from jobtrappen.web.pages.site import Site
from tests.pages.browser import Browser, Page
from tests.support.peopled import People, people, trouble
from tests.support.world import TODAY, World, a_world

NOW = datetime(TODAY.year, TODAY.month, TODAY.day, 9, tzinfo=UTC)
PARTNER = "partner"
BEGAN = time.time()
WHO = {"karen": "caseworker", "mehmet": "consultant", "lone": "team_lead", "pia": "coordinator", "admin": "administrator", PARTNER: "partner"}
THINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "referral": {
        "/cases": ("alone", "draft case", "sent case", "asked case", "accepted case", "started case", "hidden", "back case"),
        "/referrals": ("draft", "sent", "asked", "waiting", "accepted", "started", "held", "completed", "declined"), "/intakes": ("intake", "held talk"),
        "/assessments": ("assessment", "confirmed"), "/refusals": ("offered", "refused"), "/returns": ("return",), "/referral-lists": ("list",), "/lists": ("list",)},
    "matching": {
        "/cases": ("accepted case", "matched case", "agreeing case"), "/employers": ("employer",), "/workplaces": ("workplace",), "/contacts": ("contact",), "/openings": ("opening", "job"),
        "/matches": ("proposed", "presented", "interview", "turned down"), "/agreements": ("agreement", "awaiting", "granted", "concluded")},
    "followup": {"/courses": ("course", "accepted case"), "/duties": ("duty", "done"), "/placements": ("planned", "active", "paused", "ended")},
    "partners": {
        "/cases": ("started case",), "/partners": ("school", "union"), "/cooperations": ("cooperation",), "/keys": ("key",), "/notices": ("notice",),
        "/requests": ("unsent", "requested", "acknowledged", "question", "offer", "agreed", "in progress", "delivered", "opinion")},
}
"""What is there to be shown, by the first part of its path; one for each state that is drawn in another way."""
ASKED = {
    "list.feasible_openings": {"": "/openings/feasible?case_id={accepted case}&measure=internship"}, "contacts": {"": "/contacts?case_id={course}"},
    "form.propose_match": {"": "/matches/new?case_id={accepted case}&opening_id={opening}"}, "form.make_duty": {"": "/duties/new?case_id={course}"},
    "form.log_contact": {"": "/contacts/new?case_id={course}"},
    "form.draft_request": {"statement": "/requests/new?case_id={started case}&request_type=statement", "": "/requests/new?case_id={started case}"}}
"""Pages that need to be asked something in the address."""
BINARY = ("leaflet_pdf", "letter_pdf")
"""Files that are printed (test_printed.py); they are no pages."""
DOORS = {"sign_in": "/sign-in"}
"""Pages that stand before the pages: they have no role."""


@dataclass(frozen=True)
class Visit:
    """A page as one person met it. `shown` names the page and what it was about: "/referrals/<id> accepted"."""

    service: str
    endpoint: str
    who: str
    shown: str
    address: str
    page: Page


@dataclass
class Municipality:
    """The world, its people, and a browser for each of those who work there."""

    world: World
    town: People
    app: Any = field(init=False)
    browsers: dict[tuple[str, str], Browser] = field(default_factory=dict)
    visited: dict[tuple[str, str], list[Visit]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.app = one_address(self.world.runtimes.values())

    def by(self, who: str, language: str = "da") -> Browser:
        """Somebody's own browser, signed in."""
        if (who, language) not in self.browsers:
            made = Browser(self.app, "" if who == PARTNER else who, f"{PATHS['partners']}/sign-in", self.town.key if who == PARTNER else "")
            token = made.get(f"{PATHS['partners']}/", follow=True).form_token
            assert made.post(f"{PATHS['partners']}/language", csrf_token=token, language=language).status == 303
            self.browsers[who, language] = made
        return self.browsers[who, language]

    @cached_property
    def named(self) -> dict[str, str]:
        """id → what it is called here."""
        return {id: name for name, id in reversed(self.town.made.items())}

    def pages(self, service: str) -> list[sites.Page]:
        """What the service has registered to be looked at."""
        runtime = self.world.runtimes[service]
        site: Site | None = runtime.service.site
        assert site is not None
        return [page for page in serve.every_page(runtime, site, {route.name: route for route in routes(runtime)}) if "GET" in page.methods and page.name not in BINARY]

    @cached_property
    def maps(self) -> dict[str, MapAdapter]:
        return {service: self.world.apps[service].url_map.bind("localhost") for service in SERVICES}

    def endpoint(self, service: str, address: str) -> str:
        """Which page of a service stands at an address; "" for none, or for another service's."""
        parts = urlsplit(address)
        if not parts.path.startswith(f"{PATHS[service]}/"):
            return ""
        try:
            return str(self.maps[service].match(parts.path.removeprefix(PATHS[service]))[0])
        except (HTTPException, RequestRedirect):
            return ""

    def things(self, service: str, path: str) -> Iterator[tuple[str, str]]:
        """(name, address) for each thing that a page with an id may be about."""
        before, _, after = path.partition("<")
        for name in THINGS[service].get(f"/{before.strip('/').split('/')[0]}", ()):
            yield name, f"{PATHS[service]}{before}{self.town.made[name]}{after.partition('>')[2]}"

    def visits(self, service: str, who: str) -> list[Visit]:
        """Every page of a service that this person may be shown: pages and things first, then each form where it is offered, with what
        the offer puts into its address; else on the first thing on which it can be opened."""
        if (service, who) not in self.visited:
            self.visited[service, who] = self._visits(service, who)
        return self.visited[service, who]

    def _visits(self, service: str, who: str) -> list[Visit]:
        browser, offered, done = self.by(who), dict[str, str](), list[Visit]()
        mine = [page for page in self.pages(service) if WHO[who] in page.who]
        for page in mine:
            if page.name.startswith("form."):
                continue
            for name, address in self._addresses(service, page):
                shown = browser.get(address)
                done.append(Visit(service, page.name, who, self._called(page.path, name), address, shown))
                for to, _text in shown.links:
                    offered.setdefault(self.endpoint(service, to), to)
        for page in mine:
            if page.name in ASKED and page.name.startswith("form."):
                done += [Visit(service, page.name, who, self._called(page.path, name), address, browser.get(address)) for name, address in self._addresses(service, page)]
            elif page.name.startswith("form."):
                done.append(self._form(service, page, browser, who, offered.get(page.name, "")))
        return done

    def forms(self, service: str) -> list[Visit]:
        """Each form once, as the first who may opens it."""
        found: dict[str, Visit] = {}
        for who in WHO:
            for visit in self.visits(service, who):
                if visit.endpoint.startswith("form.") and visit.page.status == 200 and any("jt-form" in form.css.split() for form in visit.page.reader.forms):
                    found.setdefault(visit.endpoint, visit)
        return list(found.values())

    def _addresses(self, service: str, page: sites.Page) -> list[tuple[str, str]]:
        if page.name == "report":
            own = (report.name for found in manager().hook.report() for report in found if report.service == service)
            return [(name, f"{PATHS[service]}/reports/{name}") for name in own]
        if page.name in ASKED:
            return [(name, PATHS[service] + address.format(**self.town.made)) for name, address in ASKED[page.name].items()]
        return list(self.things(service, page.path)) if "<" in page.path else [("", f"{PATHS[service]}{page.path}")]

    def _form(self, service: str, page: sites.Page, browser: Browser, who: str, offered: str) -> Visit:
        tried = [Visit(service, page.name, who, self._called(page.path, self._about(address)), address, browser.get(address))
                 for address in ([offered] if offered else [address for _name, address in self._addresses(service, page)])]
        return next((one for one in tried if one.page.status == 200), tried[0])

    def _about(self, address: str) -> str:
        return next((name for id, name in self.named.items() if id in urlsplit(address).path), "")

    @staticmethod
    def _called(path: str, name: str) -> str:
        return f"{path} {name}".strip()


@contextmanager
def a_municipality(home: Path) -> Iterator[Municipality]:
    """Made at a fixed hour of the fixed day; who looks at it must be there at that time too (`at_nine`)."""
    with at_nine():
        making = a_world(home)
        world = making.__enter__()
        town = people(world)
        trouble(world)
    try:
        yield Municipality(world, town)
    finally:
        making.__exit__(None, None, None)


def at_nine() -> Any:
    """The clock goes on from where it was: who signed in yesterday by its time would not be signed in."""
    now = time_machine.escape_hatch.time.time() if time_machine.escape_hatch.is_travelling() else time.time()
    return time_machine.travel(NOW + timedelta(seconds=now - BEGAN), tick=True)
