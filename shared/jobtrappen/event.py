# SPDX-License-Identifier: MPL-2.0
"""The envelope: CloudEvents 1.0, structured JSON, with the house's extension attributes.

`id` is made in the business transaction and is the same on every retry, replay and channel. `seq` is dense for each
(topic, key) and proves that nothing was lost; `epoch` rises when a producer's database is restored from a backup.
"""
from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobtrappen.strict_json import DECODER

_WORD = r"[a-z][a-z0-9_]*"
TYPE = re.compile(rf"(?=.{{1,120}}\Z)(?:jobtrappen|(jobtrappenx\.{_WORD}))\.({_WORD}\.{_WORD})\.v([1-9][0-9]{{0,3}})")
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context; whatever else stands in such a header is left out, since it could be a name."""
ROLE, UNIT = re.compile(r"[a-z][a-z_]{0,39}"), re.compile(r"[a-z][a-z0-9_]{0,39}")
"""Who said it: a role and the code of a unit, as `from_unit` in an event's data is one. A log-in is a name, and stays at home."""
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
MAX_BYTES = 20_000


class Undecodable(ValueError):
    """These bytes are no event; they go to the dead letters as they are."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. `data` holds ids, codes and dates only; `key` is the case or employer it belongs to."""

    id: str
    type: str
    source: str
    subject: str
    time: str
    key: str
    seq: int
    epoch: int
    data: dict[str, Any]
    recorded: str
    case: str = ""
    cause: str = ""
    trace: str = ""
    subject_version: int = 0
    audience: str = "internal"
    role: str = ""
    unit: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`referral.accepted` of `jobtrappen.referral.accepted.v1`; a plugin's event keeps its `jobtrappenx.<plugin>.`
        in front, so that it can never pass for one of the suite's own."""
        found = TYPE.fullmatch(self.type)
        return self.type if found is None else f"{found[1]}.{found[2]}" if found[1] else found[2]

    @property
    def version(self) -> int:
        found = TYPE.fullmatch(self.type)
        return int(found[3]) if found else 0

    @property
    def day(self) -> str:
        """The business date of the fact, YYYY-MM-DD."""
        return self.time[:10]

    def document(self) -> dict[str, Any]:
        """The CloudEvents JSON object."""
        attributes = {
            "specversion": "1.0", "id": self.id, "source": self.source, "type": self.type, "subject": self.subject,
            "time": self.time, "datacontenttype": "application/json",
            "dataschema": f"urn:jobtrappen:schema:{self.name}:{self.version}.0.0",
            "partitionkey": self.key, "correlationid": self.case, "causationid": self.cause, "traceparent": self.trace,
            "recordedtime": self.recorded, "seq": self.seq, "epoch": self.epoch, "subjectversion": self.subject_version,
            "audience": self.audience, "dataclassification": "internal" if self.audience == "internal" else "public",
            "actorrole": self.role, "actorunit": self.unit,
        }
        return {**{k: v for k, v in attributes.items() if v != ""}, **self.extra, "data": self.data}

    def encode(self) -> bytes:
        return json.dumps(self.document(), ensure_ascii=False, separators=(",", ":")).encode()


REQUIRED = {"specversion": str, "id": str, "source": str, "type": str, "subject": str, "time": str, "partitionkey": str,
            "recordedtime": str, "seq": int, "epoch": int, "data": dict}
SHAPES = {"id": UUID, "type": TYPE, "time": TIME, "recordedtime": TIME, "partitionkey": KEY, "correlationid": KEY,
          "causationid": UUID, "traceparent": TRACE, "actorrole": ROLE, "actorunit": UNIT}
"""Everything that a reader stores or passes on: what does not fit a column, or would smuggle text, is refused here."""
NUMBERS = {"seq": 2**63 - 1, "epoch": 2**31 - 1, "subjectversion": 2**31 - 1}


def decode(value: bytes | None) -> Event:
    """Read an envelope; unknown attributes are ignored.

    Raises:
        Undecodable: not JSON, not CloudEvents 1.0, or an attribute of the house is missing or of another type.
    """
    if not value:
        raise Undecodable("empty value")
    if len(value) > MAX_BYTES:
        raise Undecodable(f"{len(value)} bytes; at most {MAX_BYTES}")
    try:
        document = DECODER.decode(value.decode())
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"not JSON ({error.__class__.__name__})") from None
    if not isinstance(document, dict) or document.get("specversion") != "1.0":
        raise Undecodable("not a CloudEvents 1.0 object")
    for name, kind in REQUIRED.items():
        if not isinstance(document.get(name), kind) or isinstance(document.get(name), bool):
            raise Undecodable(f"attribute {name} is missing or not {kind.__name__}")
    for name, shape in SHAPES.items():
        value = document.get(name, "")
        if not isinstance(value, str) or not (shape.fullmatch(value) or (value == "" and name not in REQUIRED)):
            raise Undecodable(f"attribute {name} is malformed")
    for name, top in NUMBERS.items():
        number = document.get(name, 0)
        low = 1 if name in REQUIRED else 0
        if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= top:
            raise Undecodable(f"attribute {name} is out of range")
    try:
        datetime.fromisoformat(document["time"])
    except ValueError:
        raise Undecodable("attribute time is no moment") from None
    return Event(
        id=document["id"], type=document["type"], source=document["source"], subject=document["subject"],
        time=document["time"], key=document["partitionkey"], seq=document["seq"], epoch=document["epoch"],
        data=document["data"], recorded=document["recordedtime"], case=document.get("correlationid", ""),
        cause=document.get("causationid", ""), trace=document.get("traceparent", ""),
        subject_version=document.get("subjectversion", 0), audience=str(document.get("audience", "internal")),
        role=document.get("actorrole", ""), unit=document.get("actorunit", ""),
    )
