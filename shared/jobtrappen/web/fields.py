# SPDX-License-Identifier: MPL-2.0
"""marshmallow fields that take exactly what the OpenAPI page says: no guessing of "yes" as true or "1" as a number."""
from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marshmallow import RAISE, Schema, ValidationError, fields, validate

Nested, List, Dict = fields.Nested, fields.List, fields.Dict
DAY = re.compile(r"^(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}$")
MOMENT = re.compile(r"^(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-][0-2][0-9]:[0-5][0-9])$")
PLACE = "^(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
UUID_SHAPE = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Loads(Schema):
    """Base of every body: unknown fields are refused, so that a typing error is never taken for a wish."""

    class Meta:
        unknown = RAISE


class Command(Loads):
    """Base of every action's body."""

    effective_date: fields.Field[Any] = fields.Field()  # replaced below, once Day exists


class Form(validate.Regexp):
    """The whole text has the form; Python's `$` alone would let a line break follow."""

    def __call__(self, value: Any) -> Any:
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self._format_error(value))
        return value


class Text(fields.String):
    """Free text without control characters. `max` counts characters."""

    def __init__(self, *, max: int = 2000, min: int = 1, pattern: str | None = None, **kwargs: Any) -> None:
        checks: list[Any] = [validate.Length(min=min, max=max)]
        if pattern:
            checks.append(Form(pattern, error="does not have the right form ({regex})"))
        super().__init__(validate=checks, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if any((ord(c) < 32 and c not in "\n\t") or 0xD800 <= ord(c) <= 0xDFFF or ord(c) == 127 for c in text):
            raise ValidationError("holds control characters; remove them")
        return text


class Place(Text):
    """A place in a list by date, as the page before gave it: the day and the id of its last line. Loads as (date, UUID)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max=47, pattern=PLACE, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return Dated(text, (date.fromisoformat(text[:10]), UUID(text[11:])))
        except ValueError:
            raise ValidationError("is not the `next` of a page of this list") from None


class Dated(str):
    """The text of a place with what it says."""

    place: tuple[date, UUID]

    def __new__(cls, text: str, place: tuple[date, UUID]) -> Dated:
        made = super().__new__(cls, text)
        made.place = place
        return made


class Code(fields.String):
    """One of a fixed set of words."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(validate=validate.OneOf(list(choices), error="is not one of: {choices}"), **kwargs)


class Day(fields.Date):
    """YYYY-MM-DD from 1900 to 2099."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or not DAY.fullmatch(value):
            raise ValidationError("is not a date from 1900 to 2099; write it as 2026-11-23")
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValidationError("is not a day of the calendar") from None


class Moment(fields.DateTime):
    """RFC 3339 with a zone, from 1900 to 2099."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) and MOMENT.fullmatch(value) else None
        except ValueError:
            moment = None
        if moment is None:
            raise ValidationError("is not a time; write it as 2026-11-23T09:30:00+01:00")
        return moment


class Uuid(fields.UUID):
    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str) or not UUID_SHAPE.fullmatch(value):
            raise ValidationError("is not an id; ids are UUIDs as this API gives them")
        return super()._deserialize(value, attr, data, **kwargs)


class Whole(fields.Integer):
    """A whole number within bounds; to JSON, 41.0 is one."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(min=low, max=high, error="lies outside {min} to {max}"), **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValidationError("is not a whole number")
        return super()._deserialize(value, attr, data, **kwargs)


class Flag(fields.Boolean):
    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("is neither true nor false")
        return value


def many(inner: fields.Field, max: int = 50, min: int = 0, **kwargs: Any) -> fields.List:
    """A list of at most `max` items."""
    return fields.List(inner, validate=validate.Length(min=min, max=max), **kwargs)


Command._declared_fields["effective_date"] = Day(metadata={"description": "The day it took effect; today when left out. Never before the latest one."})
