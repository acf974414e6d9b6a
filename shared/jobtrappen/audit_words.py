# SPDX-License-Identifier: MPL-2.0
"""The audit log in plain words, Danish and English, for the citizen whom it is about: no codes, no names of staff."""
from __future__ import annotations

LANGUAGES = ("da", "en")

NOUNS: dict[str, tuple[str, str]] = {
    "access_report": ("listen over, hvem der har set sagen", "the list of who looked at the case"),
    "agreement": ("aftale med arbejdsplads", "agreement with a workplace"), "assessment": ("afklaring", "assessment"),
    "candidate": ("sag", "case"), "case": ("sag", "case"), "case_thing": ("det, der ligger på sagen", "what lies on the case"), "contact": ("kontakt", "contact"), "course": ("forløb", "course"),
    "duty": ("opgave", "task"), "feasible": ("mulige pladser", "possible places"), "history": ("sagens gang", "the course of the case"),
    "intake": ("samtale", "talk"), "match": ("forslag om en plads", "suggested place"), "notice": ("besked til samarbejdspartner", "notice to a partner"),
    "partner_request": ("spørgsmål til samarbejdspartner", "question to a partner"), "person": ("personoplysninger", "personal data"),
    "placement": ("plads", "placement"), "referral": ("henvisning", "referral"), "referral_list": ("liste med personer", "list of people"),
    "refusal": ("afslag på et tilbud", "refusal of an offer"), "return": ("tilbagesendelse af sagen", "return of the case"),
    "statistic": ("statistik", "statistics"), "step": ("trin på jobtrappen", "steps on the staircase"), "work": ("opgaver", "work to do"),
}

VERBS: dict[str, tuple[str, str]] = {
    "absent_first_day": ("udeblevet første dag", "absent on the first day"), "accept": ("taget imod", "accepted"), "acknowledge": ("set og noteret", "seen and noted"),
    "acknowledge_outcome": ("udfaldet set", "outcome seen"), "adjust": ("tilpasset", "adjusted"), "agree": ("aftalt", "agreed"),
    "assigned": ("givet videre", "assigned"), "book": ("aftalt tid", "booked"), "book_interview": ("samtale aftalt", "interview booked"),
    "cancel": ("aflyst", "cancelled"), "change": ("ændret", "changed"), "choose": ("valgt", "chosen"), "circumstance": ("forhold skrevet ind", "circumstance written down"),
    "claim": ("overtaget", "claimed"), "close": ("afsluttet", "closed"), "complete": ("gennemført", "completed"), "conclude": ("indgået", "concluded"),
    "confirm": ("bekræftet", "confirmed"), "confirm_minutes": ("referat bekræftet", "minutes confirmed"), "confirmed": ("bekræftet", "confirmed"),
    "decline": ("afvist", "declined"), "deliver": ("leveret", "delivered"), "dispute": ("indsigelse", "disputed"), "dissent": ("borgeren er uenig", "the citizen disagrees"),
    "done": ("udført", "done"), "draft": ("kladde skrevet", "draft written"), "end": ("afsluttet", "ended"), "end_early": ("stoppet før tid", "ended early"),
    "expire": ("udløbet", "expired"), "extend": ("forlænget", "extended"), "give_info": ("oplysninger givet", "information given"), "given": ("givet", "given"),
    "grant": ("bevilget", "granted"), "guide": ("vejledt", "guided"), "hold": ("holdt eller sat i bero", "held, or put on hold"),
    "hold_interview": ("samtale holdt", "interview held"), "household": ("husstand knyttet", "household linked"), "interest": ("arbejdspladsen er interesseret", "the workplace is interested"),
    "logged": ("skrevet ned", "written down"), "made": ("oprettet", "made"), "move": ("flyttet", "moved"), "no_show": ("udeblevet", "did not come"),
    "not_deliver": ("ikke leveret", "not delivered"), "not_started": ("ikke begyndt", "not started"), "offer": ("tilbudt", "offered"), "open": ("åbnet", "opened"),
    "origin": ("oprindelse talt med", "origin counted"), "pause": ("sat på pause", "paused"), "person_changed": ("personoplysninger ændret", "personal data changed"),
    "plan": ("planlagt", "planned"), "postponed": ("udskudt", "postponed"), "present": ("præsenteret", "presented"), "present_state": ("situation opdateret", "present state updated"),
    "progress": ("fremgang meldt", "progress told"), "propose": ("foreslået", "proposed"), "proposed": ("foreslået", "proposed"), "readmit": ("genåbnet", "readmitted"),
    "refuse": ("afslået af borgeren", "refused by the citizen"), "refuse_grant": ("ikke bevilget", "not granted"), "reopen": ("genåbnet", "reopened"),
    "request": ("sendt", "sent"), "request_grant": ("bevilling søgt", "grant asked for"), "request_info": ("oplysninger ønsket", "information asked for"),
    "reroute": ("sendt et andet sted hen", "sent elsewhere"), "resume": ("genoptaget", "resumed"), "retract": ("trukket tilbage", "retracted"),
    "return": ("sendt tilbage", "returned"), "screened": ("vurderet", "screened"), "second_void": ("annullering godkendt", "voiding agreed to"),
    "send": ("sendt", "sent"), "shorten": ("forkortet", "shortened"), "start": ("begyndt", "started"), "unassigned": ("afventer en modtager", "waits for a receiver"),
    "undo": ("fortrudt", "undone"), "void": ("annulleret", "voided"), "waitlist": ("på venteliste", "put on a waiting list"), "withdraw": ("trukket tilbage", "withdrawn"),
}

READS = {"find_case": ("Fandt sagen ud fra CPR-nummer", "Found the case by CPR number"), "find_by_name": ("Fandt sagen ud fra navnet", "Found the case by name"),
         "people": ("Hentede personoplysninger til en anden del af systemet",
                                                                                                   "Fetched personal data for another part of the system")}
PURPOSES: dict[str, tuple[str, str]] = {
    "case_work": ("arbejde med sagen", "work on the case"), "access_report": ("indsigt til borgeren", "access for the citizen"),
    "substitution": ("afløsning for en kollega", "standing in for a colleague"), "supervision": ("ledelsestilsyn", "supervision"),
    "complaint": ("behandling af en klage", "handling of a complaint"), "citizen_asks": ("borgeren henvendte sig", "the citizen asked"),
    "correction": ("rettelse af en fejl", "correction of an error"),
    "operation": ("drift af systemet", "running the system"), "statistics": ("statistik", "statistics"),
    "matching": ("at finde en arbejdsplads", "finding a workplace"), "followup": ("opfølgning på forløbet", "following up the course"),
    "partners": ("samarbejde med partnere", "cooperation with partners"),
}
ROLES: dict[str, tuple[str, str]] = {
    "caseworker": ("sagsbehandler", "caseworker"), "consultant": ("jobkonsulent", "job consultant"), "team_lead": ("teamleder", "team lead"),
    "coordinator": ("partnerkoordinator", "partner coordinator"), "administrator": ("administrator", "administrator"),
    "partner": ("samarbejdspartner", "partner organisation"), "integrator": ("system udefra", "outside system"),
    "service": ("systemet", "the system"), "system": ("systemet", "the system"),
}


def what(action: str, subject: str, many: bool, language: str) -> str:
    """One audited action as a sentence; what has no words yet is shown as it stands."""
    place = LANGUAGES.index(language)
    group, _, verb = action.partition(".")
    if group == "read":
        noun = NOUNS.get(subject, (subject, subject))[place]
        shown = (("Så en liste med", "Saw a list with") if many else ("Så", "Looked at"))[place]
        return READS[verb][place] if verb in READS else f"{shown}: {noun}"
    noun = NOUNS.get(group, (group, group))[place]
    return f"{noun[:1].upper()}{noun[1:]}: {VERBS.get(verb, (verb, verb))[place]}"


def word(words: dict[str, tuple[str, str]], code: str, language: str) -> str:
    """A code in plain words; itself where there are none."""
    return words[code][LANGUAGES.index(language)] if code in words else code
