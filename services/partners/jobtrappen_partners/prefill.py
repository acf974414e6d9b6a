# SPDX-License-Identifier: MPL-2.0
"""What the forms know already: whom they are about, what may be chosen, and what most would type. Each is called as (desk, the
thing's document) and returns what the kit's forms take."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from jobtrappen.web.pages import words
from jobtrappen.web.pages.site import Desk
from jobtrappen.web.pages.things import Fact, facts
from jobtrappen_partners.codes import CAPACITIES, INTEGRATOR_SCOPES, NEEDS, PARTNER_SCOPES, REQUEST_TYPES, SHOWABLE
from jobtrappen_partners.kinds import Kind, known
from jobtrappen_partners.requests_shown import said

Prepared = Mapping[str, Any]
YEAR = 365
OFFER_DAYS = 14
"""For how long an offer usually holds."""
IDS = ("case_id", "agreement_id", "match_id", "intake_id")


def kind_name(word: str) -> str:
    """What a kind of partner is called; kinds come as plugins, with their own words."""
    kind = known().get(word)
    return (kind.danish if words.language() == "da" else kind.english) if kind else word


def is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def active(desk: Desk, kinds: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Active partners of these kinds, or of all, by name."""
    found: list[dict[str, Any]] = []
    for by in [{"kind": kind} for kind in kinds] or [{}]:
        page: dict[str, Any] = {"items": [], "next": ""}
        while page["next"] is not None:
            page = desk.read("list_partners", {"status": "active", "limit": 200, **by, **({"after": page["next"]} if page["next"] else {})})
            found += page["items"]
    return sorted(found, key=lambda p: p["name"].lower())


def as_choices(partners: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(id, its name, kind and whether it has places)."""
    return [(p["id"], ", ".join([p["name"], kind_name(p["kind"]), *places(p.get("capacity"))])) for p in partners]


def places(capacity: Mapping[str, Any] | None) -> list[str]:
    """In words; nothing while it is not known."""
    state = (capacity or {}).get("state", "unknown")
    return [words.word("capacity", state)] if state != "unknown" else []


def new_request(desk: Desk, _given: Mapping[str, Any]) -> Prepared:
    """What is needed is chosen first; then only the partners stand there that may be asked for it."""
    ids = {name: value for name in IDS if is_id(value := desk.told(name))}
    wanted = desk.told("request_type")
    if "case_id" not in ids:
        return {"beside": {"types": None, "chosen": False}}
    if wanted not in REQUEST_TYPES:
        return {"values": ids, "hidden": IDS, "choices": {"partner_id": as_choices(active(desk))}, "beside": {"types": _types(desk, ids), "chosen": False}}
    kinds = {word: kind for word, kind in known().items() if wanted in kind.asks}
    partners = active(desk, kinds)
    asks_consent = any("person" not in kinds[p["kind"]].shows for p in partners)
    return {
        "title": words.word("ask", wanted), "values": {**ids, "request_type": wanted, "partner_id": partners[0]["id"] if len(partners) == 1 else desk.told("partner_id")},
        "hidden": (*IDS, "request_type", *(() if asks_consent else ("consent_on",))), "choices": {"partner_id": as_choices(partners)},
        "required": (NEEDS[wanted],) if wanted in NEEDS else (), "beside": {"types": [], "chosen": True},
        "intro": "" if partners else words._("No active partner may be asked for this. Ask the partner coordinator to register one."),
    }


def _types(desk: Desk, ids: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """(address, what may be asked for, how many partners); a grant is asked of an agreement alone."""
    loaded = known()
    counted = Counter(wanted for p in active(desk) for wanted in loaded.get(p["kind"], Kind("", "", "", frozenset())).asks)
    return [(desk.form_of("draft_request", **ids, request_type=wanted), words.word("request_type", wanted), counted[wanted]) for wanted in REQUEST_TYPES
            if counted[wanted] and (wanted not in NEEDS or NEEDS[wanted] in ids or not NEEDS[wanted].endswith("_id"))]


def delivery(desk: Desk, request: Mapping[str, Any]) -> Prepared:
    """An authority decides; everybody else answers in words."""
    fields = ("decided_on", "basis", "reason", "what_would_help")
    if request.get("request_type") == "grant":
        decisions = [(code, words.word("decision", code)) for code in ("granted", "refused")]
        return {**said(desk, request), "choices": {"output.decision": decisions}, "hidden": ("output.text",), "required": ("output.decided_on", "output.basis"),
                "values": {"output": {"decided_on": desk.tx.today.isoformat()}}}
    return {**said(desk, request), "values": {"output": {"decision": "answered"}}, "hidden": ("output.decision", *(f"output.{name}" for name in fields)), "required": ("output.text",)}


def offer(desk: Desk, request: Mapping[str, Any]) -> Prepared:
    return {**said(desk, request), "values": {"valid_until": (desk.tx.today + timedelta(days=OFFER_DAYS)).isoformat()}}


def notice(desk: Desk, given: Mapping[str, Any]) -> Prepared:
    """The partners whom such a notice is for; all of them, where there is none."""
    kind = "interpreter" if given.get("kind") == "interpreter_needed" else "language_school"
    partners = active(desk, [kind]) or active(desk)
    about = [words.word("notice_kind", given.get("kind")), given.get("person"), words.day(given.get("scheduled_on"))]
    return {"choices": {"partner_id": as_choices(partners)}, "values": {"partner_id": partners[0]["id"] if len(partners) == 1 else ""}, "intro": ", ".join(p for p in about if p)}


def past_notice(desk: Desk, given: Mapping[str, Any]) -> Prepared:
    about = [words.word("notice_kind", given.get("kind")), given.get("person"), words.day(given.get("scheduled_on"))]
    return {"intro": ", ".join(p for p in about if p)}


def capacity(desk: Desk, _given: Mapping[str, Any]) -> Prepared:
    told = desk.read("my_card").get("capacity") or {}
    return {"values": {"state": told.get("state") if told.get("state") in CAPACITIES else "", "places": told.get("places"), "valid_for": told.get("valid_for", OFFER_DAYS)},
            "back": desk.page("my_card")}


def registration(desk: Desk, _given: Mapping[str, Any]) -> Prepared:
    return {"choices": {"kind": [(word, kind_name(word)) for word in known()]}, "back": desk.page("partners")}


def card(desk: Desk, partner: Mapping[str, Any]) -> Prepared:
    return {"intro": ", ".join([partner["name"], kind_name(partner["kind"])])}


def cooperation(desk: Desk, given: Mapping[str, Any]) -> Prepared:
    """A new agreement, or the next version of one: all that the partner's kind may see is ticked at first."""
    id = str(given.get("partner_id") or desk.told("partner_id"))
    if not is_id(id):
        return {"choices": {"partner_id": as_choices(p for p in active(desk) if not p["cooperation_id"])}, "values": _review(desk, given), "back": desk.page("partners")}
    partner = desk.read("read_partner", id=UUID(id))
    kind = known().get(partner["kind"])
    may = [name for name in SHOWABLE if kind is None or name in kind.shows]
    shown = (given.get("terms") or {}).get("fields")
    return {"title": words._("Cooperation agreement with {partner}", partner=partner["name"]), "hidden": ("partner_id",), "required": ("fields",), "back": desk.thing("partner", id),
            "choices": {"fields": [(name, words.word("fields", name)) for name in may]},
            "values": {"partner_id": id, "fields": may if shown is None else shown, **_review(desk, given)}}


def _review(desk: Desk, given: Mapping[str, Any]) -> dict[str, str]:
    """In a year; a day that lies ahead already stays."""
    stands = given.get("review_on")
    return {"review_on": stands if stands and date.fromisoformat(stands) > desk.tx.today else (desk.tx.today + timedelta(days=YEAR)).isoformat()}


def terms(desk: Desk, agreed: Mapping[str, Any]) -> list[Fact]:
    """A version of an agreement as lines."""
    given = dict(agreed["terms"])
    times = [words._("{procedure}: {days} days ahead", procedure=words.word("procedure", t["procedure"]), days=t["days"]) for t in given.pop("lead_times", None) or []]
    shown = given.pop("fields", None)
    seen = [words.word("fields", name) for name in shown] if shown is not None else [words._("Everything that this kind of partner may see")]
    lines = facts(desk, {name: given[name] for name in ("duties", "procedures", "contacts") if given.get(name)}, "cooperation", leave_out=())
    return [*lines, Fact(words.label("lead_times"), times or [words._("None is agreed.")]), Fact(words.label("fields"), seen or [words._("Nothing")]),
            Fact(words.label("review_on"), words.day(agreed["review_on"]))]


def partner_key(_desk: Desk, partner: Mapping[str, Any]) -> Prepared:
    return {"title": words._("New key for {partner}", partner=partner["name"]), "values": {"scopes": list(PARTNER_SCOPES)}, "required": ("scopes",), "intro": _once()}


def integrator_key(desk: Desk, _given: Mapping[str, Any]) -> Prepared:
    return {"values": {"scopes": list(INTEGRATOR_SCOPES)}, "required": ("scopes",), "intro": _once(), "back": desk.page("keys")}


def _once() -> str:
    return words._("The key is shown once, on the next page. Have a safe way to hand it over ready.")


def revocation(_desk: Desk, key: Mapping[str, Any]) -> Prepared:
    return {"title": words._("Revoke the key of {owner}", owner=key["name"]), "intro": words._("From then on it opens nothing, and whoever is signed in with it is signed out.")}
