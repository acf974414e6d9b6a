# SPDX-License-Identifier: MPL-2.0
"""The person behind a case: sealed as one document, the CPR number apart from it with a keyed look-up."""
from __future__ import annotations

from typing import Any

from sqlalchemy import select
from stdnum.dk import cpr as danish_cpr
from stdnum.exceptions import ValidationError

from jobtrappen.db import one_at_a_time
from jobtrappen.errors import Conflict, Invalid
from jobtrappen.roles import CW
from jobtrappen.tx import Tx
from jobtrappen_referral.model import Citizen

PERSONAL = ("given_name", "family_name", "phone", "email", "address", "languages")
PROFILE = ("wishes", "competences", "barriers", "limits", "weekly_hours", "certificates")
"""What matching may know of a citizen beside her codes; health only as functional limits."""


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
    citizen.person_sealed = tx.runtime.vault.seal_document({**known, **changes}, "citizen.person")
    citizen.profile_version += 1
    tx.say("person.changed", key=citizen.id, subject=f"case/{citizen.id}", subject_version=citizen.version,
           data={"case_id": citizen.id, "profile_version": citizen.profile_version}, time=tx.today)
