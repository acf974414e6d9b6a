# SPDX-License-Identifier: MPL-2.0
"""Fictional citizens and employers. Every personal value carries a marker that can be searched for in bytes.

No CPR number here can belong to anybody: its date is real, its checksum (modulus 11, which held for every number given
out before 2007 apart from some of 1 January) is wrong. Telephone numbers begin with 00 and cannot be dialled.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from .life import Person, personal_values

WOMEN = (
    "Aylin", "Birgit", "Chanel", "Dilek", "Emine", "Fatima", "Gitte", "Hatice", "Inger", "Jasmin", "Khadija", "Linh",
    "Mette", "Nadia", "Özlem", "Parvin", "Rukiye", "Søs", "Tove", "Ümran", "Vesna", "Yvonne", "Zeynep", "Åse",
)
MEN = (
    "Ahmed", "Bjørn", "Cemal", "Duc", "Erik", "Faruk", "Goran", "Hüseyin", "Ibrahim", "Jørgen", "Kamal", "Lars",
    "Mehmet", "Nuri", "Omar", "Per", "Rashid", "Søren", "Tarik", "Uffe", "Viggo", "Yusuf", "Zoran", "Åge",
)
FAMILIES = (
    "Andersen", "Bayram", "Çelik", "Demir", "El-Amin", "Farah", "Güler", "Hansen", "Ibrahimi", "Jensen", "Kaya",
    "Larsen", "Mensah", "Nguyen", "Özdemir", "Petrović", "Rahman", "Sørensen", "Tran", "Uwimana", "Vang", "Yılmaz",
)
STREETS = ("Kanarieparken", "Fuglebuen", "Gærdesmuttevej", "Ørneskrænten", "Lærketoften")
TRADES = (
    "Rengøring", "Bageri", "Kantine", "Lager", "Gartneri", "Vaskeri", "Plejecenter", "Købmand", "Hotel", "Pakkeri",
    "Børnehave", "Trykkeri",
)
TOWNS = ("Nærby", "Fjernby", "Søndby")
SCHOOLS = ("Sprogskolen Ordet", "Erhvervsskolen Håndgrebet")
WEIGHTS_CPR = (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
WEIGHTS_CVR = (2, 7, 6, 5, 4, 3, 2, 1)


@dataclass(frozen=True)
class Employer:
    """An employer with its one workplace; schools and the activation site are places in the same list."""

    index: int
    kind: str                                            # company | school | activation_site
    name: str
    cvr: str                                             # eight digits, checksum holds; 99… is given to nobody
    p_number: str                                        # ten digits
    address: str
    employees: int


def tokens(number: int) -> tuple[str, str]:
    """The two markers of a person: one in ASCII, one with Danish letters."""
    return f"Zqx{number:04d}", f"Æøåq{number:04d}"


def secret(number: int, words: str) -> str:
    """Free text about a person, marked."""
    return f"{words} ({' '.join(tokens(number))})"


def cpr(rng: Random, born: date, woman: bool) -> str:
    """A ten-digit number of a valid date of the 1900s whose modulus 11 fails; even for a woman."""
    while True:
        serial = rng.randrange(1, 2000) * 2 + (0 if woman else 1)
        digits = f"{born:%d%m%y}{serial:04d}"
        if sum(int(d) * w for d, w in zip(digits, WEIGHTS_CPR, strict=True)) % 11:
            return digits


def birthday(rng: Random, first: date, last: date) -> date:
    """A birthday in the span, never 1 January: only then could a number with a wrong checksum be somebody's."""
    while True:
        day = first + timedelta(days=rng.randrange((last - first).days + 1))
        if (day.month, day.day) != (1, 1):
            return day


def identity(rng: Random, number: int, born: date, woman: bool) -> dict[str, str]:
    """Names and ways to reach a person, as the personal fields of `Person`."""
    ascii_token, danish_token = tokens(number)
    return {
        "given_name": f"{rng.choice(WOMEN if woman else MEN)} {danish_token}",
        "family_name": f"{rng.choice(FAMILIES)} {ascii_token}",
        "cpr": cpr(rng, born, woman),
        "phone": f"+4500{number:04d}{rng.randrange(100):02d}",
        "email": f"{ascii_token.lower()}@borger.example",
        "address": f"{rng.choice(STREETS)} {rng.randrange(1, 99)}, {ascii_token} {danish_token}, 2630 Taastrup",
    }


def employers(seed: int = 2004) -> list[Employer]:
    """Thirty-six fictional companies, then two schools, then the activation site: see `places`."""
    rng = Random(f"employers {seed}")
    names = [("company", f"{trade} {town}") for town in TOWNS for trade in TRADES]
    names += [("school", name) for name in SCHOOLS] + [("activation_site", "Erhvervscenter Øvebanen")]
    numbers: list[str] = []
    while len(numbers) < len(names):
        stem = f"99{rng.randrange(100_000):05d}"
        check = -sum(int(d) * w for d, w in zip(stem, WEIGHTS_CVR, strict=False)) % 11
        if check < 10 and f"{stem}{check}" not in numbers:
            numbers.append(f"{stem}{check}")
    return [
        Employer(
            index, kind, name, numbers[index], f"99{rng.randrange(10**5):05d}{index:03d}",
            f"Virksomhedsvej {index + 1}, 2630 Taastrup", rng.randrange(60, 400),
        )
        for index, (kind, name) in enumerate(names)
    ]


def places(kind: str) -> range:
    """The indexes of the places of one kind in `employers`."""
    companies, schools = len(TOWNS) * len(TRADES), len(SCHOOLS)
    return {
        "company": range(companies),
        "school": range(companies, companies + schools),
        "activation_site": range(companies + schools, companies + schools + 1),
    }[kind]


def canaries(cohort: Iterable[Person]) -> list[str]:
    """Every string that must never be found on the bus: markers first, then each personal value as it was given.

    A value that the services may store in another dress stands in both (CPR with and without the hyphen, a telephone
    number with and without the blank after the country code).
    """
    found: dict[str, None] = {}
    for person in cohort:
        found |= dict.fromkeys((*tokens(person.number), tokens(person.number)[0].lower()))
        found |= dict.fromkeys(value for value in personal_values(person) if value)
        found |= dict.fromkeys((f"{person.cpr[:6]}-{person.cpr[6:]}", f"{person.phone[:3]} {person.phone[3:]}"))
    return list(found)
