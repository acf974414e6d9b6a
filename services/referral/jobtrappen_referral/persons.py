# SPDX-License-Identifier: MPL-2.0
"""The person behind a case: sealed as one document, the CPR number apart from it with a keyed look-up."""
from __future__ import annotations

import unicodedata
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, select
from stdnum.dk import cpr as danish_cpr
from stdnum.exceptions import ValidationError

from jobtrappen.db import one_at_a_time
from jobtrappen.errors import Conflict, Invalid
from jobtrappen.roles import CW
from jobtrappen.runtime import Runtime
from jobtrappen.tx import Tx
from jobtrappen_referral.model import Citizen, NameToken

PERSONAL = ("given_name", "family_name", "phone", "email", "address", "languages")
PROFILE = ("wishes", "competences", "barriers", "limits", "weekly_hours", "certificates")
"""What matching may know of a citizen beside her codes; health only as functional limits."""
SHORTEST, LONGEST = 3, 12
"""So many letters of a part of a name find it: from three on its beginning, up to twelve; a shorter one only as a whole."""
SPELT = str.maketrans({"æ": "ae", "ø": "oe", "å": "aa", "ß": "ss", "ı": "i", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})
"""Letters that are spelt in two ways, or that lose nothing by taking their mark off."""


def set_cpr(tx: Tx, citizen: Citizen, number: str) -> None:
    """Store a CPR number encrypted, with the key's id and a keyed look-up.

    Raises:
        Invalid: no such date or form. Modulus 11 is not asked: numbers without it are valid since 2007.
        Conflict: another case has it.
    """
    plain = number.replace("-", "").replace(" ", "")
    try:
        danish_cpr.validate(plain)
    except ValidationError:
        raise Invalid("cpr", "is not a CPR number: ten digits, the first six a date that has been") from None
    vault = tx.runtime.vault
    if len(vault.lookup_ring) > 1:
        # While keys change two processes may store different hashes of one number, which the index cannot see.
        one_at_a_time(tx.session, min(vault.lookups(plain)))
    other = with_cpr(tx, plain)
    if other is not None and other.id != citizen.id:
        if tx.actor.role not in CW:  # who may not look a number up does not learn whose case it has
            raise Conflict("A case with this CPR number is open already; ask a caseworker, who can find it.", allowed=[])
        raise Conflict("A case with this CPR number is open already; refer that one.", case_id=str(other.id), allowed=[])
    citizen.cpr_lookup = vault.lookup(plain)
    citizen.cpr_key_id, citizen.cpr_sealed = vault.seal(plain, "citizen.cpr")


def with_cpr(tx: Tx, number: str) -> Citizen | None:
    """The case with this CPR number (ten digits), under whichever key it was stored."""
    return tx.session.scalars(select(Citizen).where(Citizen.cpr_lookup.in_(tx.runtime.vault.lookups(number)))).first()


def person(tx: Tx, citizen: Citizen) -> dict[str, Any]:
    """The sealed document, opened."""
    return tx.runtime.vault.open_document(citizen.person_sealed, "citizen.person")


def change(tx: Tx, citizen: Citizen, changes: dict[str, Any]) -> None:
    """Put changes into the sealed document and tell those with copies, thinly."""
    known = person(tx, citizen) if citizen.person_sealed else {}
    whole = {**known, **changes}
    citizen.person_sealed = tx.runtime.vault.seal_document(whole, "citizen.person")
    _index(tx, citizen, whole)
    citizen.profile_version += 1
    tx.say("person.changed", key=citizen.id, subject=f"case/{citizen.id}", subject_version=citizen.version,
           data={"case_id": citizen.id, "profile_version": citizen.profile_version}, time=tx.today)


def name_of(known: dict[str, Any]) -> str:
    return f"{known.get('given_name') or ''} {known.get('family_name') or ''}".strip()


def name_parts(*names: str) -> set[str]:
    """The parts of names as they are compared: small letters without marks, "Aase" as "Åse"."""
    text = " ".join(names).casefold().translate(SPELT)
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.replace("a\u030a", "aa")) if not unicodedata.combining(c))
    return set("".join(c if c.isalnum() else " " for c in plain).split())


def beginnings(part: str) -> set[str]:
    """By what a part of a name is found."""
    return {part[:n] for n in range(min(SHORTEST, len(part)), min(LONGEST, len(part)) + 1)}


def _index(tx: Tx, citizen: Citizen, known: dict[str, Any]) -> None:
    """Keep the tokens of the name that she has now. A protected person has none: that a name finds a case would tell of her."""
    vault = tx.runtime.vault
    parts = set() if citizen.protected else name_parts(known.get("given_name") or "", known.get("family_name") or "")
    wanted = {vault.name_tokens(text)[0] for part in parts for text in beginnings(part)}
    there = set(tx.session.scalars(select(NameToken.token).where(NameToken.case_id == citizen.id))) if citizen.names_by else set()
    if there - wanted:
        tx.session.execute(delete(NameToken).where(NameToken.case_id == citizen.id, NameToken.token.in_(there - wanted)))
    tx.session.add_all(NameToken(token=token, case_id=citizen.id) for token in sorted(wanted - there))
    citizen.names_by = vault.lookup_name


def index_anew(tx: Tx, case_id: UUID) -> None:
    """Make a citizen's name tokens with the key in use; `jobtrappen keys reseal` asks for it."""
    citizen = tx.get(Citizen, case_id, lock=True)
    _index(tx, citizen, person(tx, citizen))


def not_indexed(runtime: Runtime) -> Any:
    """The citizens whose name tokens are missing, or made with an older key."""
    return select(Citizen.id).where(or_(Citizen.names_by.is_(None), Citizen.names_by != runtime.vault.lookup_name)).order_by(Citizen.id)
