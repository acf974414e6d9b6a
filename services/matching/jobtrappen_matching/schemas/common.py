# SPDX-License-Identifier: MPL-2.0
"""What the schemas of several topics share."""
from __future__ import annotations

from marshmallow import fields

from jobtrappen.web.common import ThingOfCase
from jobtrappen.web.fields import Code, Loads, Place, Text, Uuid, Whole
from jobtrappen_matching import codes


def hours(**kwargs: object) -> Whole:
    return Whole(1, 37, **kwargs)


def measure(**kwargs: object) -> Code:
    return Code(codes.MEASURES, **kwargs)


class Listing(Loads):
    after = Uuid(metadata={"description": "The `next` of the page before."})
    limit = Whole(1, 200, load_default=50)


class WorkQuery(Loads):
    why = Text(max=40, pattern="^[a-z_]+$")
    after = Place(metadata={"description": "The `next` of the page before."})
    limit = Whole(1, 200, load_default=50)


class MatchingThing(ThingOfCase):
    """A match or agreement of a case as a list shows it."""

    measure = fields.String(allow_none=True)
    workplace_name = fields.String()


WORK_QUERY, MATCHING_THING = WorkQuery(), MatchingThing()
