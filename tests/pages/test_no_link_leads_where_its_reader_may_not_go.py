# SPDX-License-Identifier: MPL-2.0
"""Every role walks from its first page over every link that it is shown, through all four services behind one address: none is
empty, and none leads to what is not for it."""
from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from jobtrappen import roles
from jobtrappen.config import PATHS
from jobtrappen.web.app import one_address
from tests.pages.browser import Browser
from tests.support.stages_matching import a_concluded, a_draft, a_match, a_workplace, act, an_opening, asking
from tests.support.stages_partners import a_draft as a_request
from tests.support.stages_partners import a_key, a_partner
from tests.support.world import BY_ROLE, CASEWORKER, CONSULTANT, COORDINATOR, TODAY, World, a_world

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
OF_A_KIND = 2
"""So many addresses that differ by an id or a choice alone are followed."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A little of everything."""
    with a_world(tmp_path_factory.mktemp("walk")) as made:
        karen, mehmet = made.referral(CASEWORKER), made.referral(CONSULTANT)
        for n in range(2):
            case = karen.post("/cases", {"given_name": "Amina", "family_name": f"Prøve{n}", "track": "adult"}).id
            referral = karen.post("/referrals", {"case_id": case, "track": "adult", "source": "form"}).id
            assert karen.post(f"/referrals/{referral}/send", {"target_unit": "jobkonsulenterne", "purpose": "job", "legal_basis": "lab"}).status == 200
            assert mehmet.post(f"/referrals/{referral}/accept", {"responsible": "mehmet", "planned_start": TODAY}).status == 200
            mehmet.post("/intakes", {"case_id": case, "scheduled_at": "2026-12-10T10:00:00+01:00", "place": "Lokalcenter", "form": "office", "participants": [{"kind": "teacher"}]})
            mehmet.post("/refusals", {"case_id": case, "what": "internship", "offered_by": "mehmet"})
            made.settle()
            a_match(made, case, an_opening(made))
            a_concluded(made, case, starts_on=TODAY)
            waiting = a_draft(made, case_id=case, workplace_id=a_workplace(made), measure="internship").id
            assert act(made, waiting, "request_grant", asking()).status == 200
            made.settle()
            partner = a_partner(made, "language_school", f"Skole {n}")
            asked = a_request(made, case, partner)
            assert asked.status == 201 and made.partners(CASEWORKER).post(f"/requests/{asked.id}/request").status == 200
        karen.post("/referral-lists", raw=b"given_name;family_name\nA;B\n", content_type="text/csv")
        made.settle()
        made.partners(COORDINATOR).post(f"/partners/{partner}/card", {})
        made.keys = {roles.PARTNER: a_key(made, partner, scopes=["requests", "notices", "capacity"])}  # type: ignore[attr-defined]
        yield made


@pytest.mark.parametrize("role", [*sorted(BY_ROLE), roles.PARTNER])
def test_a_role_can_follow_every_link_that_it_is_shown(world: World, role: str) -> None:
    suite = one_address(world.runtimes.values())
    partner = role == roles.PARTNER
    browser = Browser(suite, "" if partner else BY_ROLE[role], f"{PATHS['partners' if partner else 'referral']}/sign-in", world.keys[role] if partner else "")  # type: ignore[attr-defined]
    todo, seen, followed = [f"{path}/" for path in ([PATHS["partners"]] if partner else PATHS.values())], {}, 0
    first = set(todo)
    while todo:
        address = todo.pop()
        page = browser.get(address)
        if address in first and page.status in (303, 403):  # another's first page; the frame does not show it
            todo += [page.headers["Location"]] if page.status == 303 else []
            continue
        assert page.status in (200, 302, 303, 428), (role, address, page.status, page.text[:200])
        followed += 1
        if page.status in (302, 303):
            todo.append(page.headers["Location"])
        for to, text in page.links:
            assert to, f"{role}: {address} shows a link {text!r} that leads nowhere"
            where = urlsplit(to)
            if where.scheme in ("tel", "mailto") or (not where.path and where.fragment):
                continue
            path = where.path or urlsplit(address).path
            kind = (ID.sub("…", path), re.sub(r"=[^&]*", "=", where.query))
            if seen.get(kind, 0) < OF_A_KIND:
                seen[kind] = seen.get(kind, 0) + 1
                todo.append(f"{path}?{where.query}" if where.query else path)
    assert followed > (8 if role == roles.PARTNER else 5 if role == roles.ADMINISTRATOR else 25), (followed, seen)


def test_an_administrator_is_not_shown_the_way_to_a_case(world: World) -> None:
    """She sees that there is a request, and of what kind; whom it is about is not hers to read."""
    asked = world.partners(CASEWORKER).get("/requests").json["items"][0]
    page = Browser(world.apps["partners"], BY_ROLE[roles.ADMINISTRATOR]).get(f"/requests/{asked['id']}")
    assert page.status == 200 and not page.has_link("/cases/")
