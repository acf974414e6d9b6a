# SPDX-License-Identifier: MPL-2.0
"""What the schemas of several topics share."""
from __future__ import annotations

from jobtrappen.web.fields import Code, Loads, Uuid, Whole
from jobtrappen_matching import codes


def hours(**kwargs: object) -> Whole:
    return Whole(1, 37, **kwargs)


def measure(**kwargs: object) -> Code:
    return Code(codes.MEASURES, **kwargs)


class Listing(Loads):
    after = Uuid(metadata={"description": "The `next` of the page before."})
    limit = Whole(1, 200, load_default=50)
