# SPDX-License-Identifier: MPL-2.0
"""The words that this service takes."""
from __future__ import annotations

from jobtrappen.contracts.vocabulary import FIELDS, REASONS

REQUEST_TYPES: tuple[str, ...] = tuple(FIELDS["request_type"]["enum"])
NEEDS = {"grant": "agreement_id", "interpreter": "wanted_on"}
"""What a request of a type cannot do without, beside its text."""
PROCEDURES = (*REQUEST_TYPES, "notice")
"""What a lead time can be agreed for: how long ahead the partner must be asked (F-124)."""
PARTNER_REASONS = REASONS
"""A partner's reasons are those that may be said aloud; none tells of a person's health."""
CARD = ("purpose", "area", "competences", "form")
"""The fields of the partner table beside the partner itself (F-160)."""
SHOWABLE = ("person", "text", "dialogue", "terms", "wanted_on", "agreement_id")
"""What an agreement may keep back from a partner; CPR, benefit, health and family name are not among what can be shown."""
NOTICES = ("intake_booked", "intake_moved", "intake_cancelled", "interview", "interpreter_needed", "timetable")
CAPACITIES = ("has_capacity", "no_capacity", "waitlist", "assessment_required")
CAPACITY_DAYS = 14
PARTNER_SCOPES = ("requests", "notices", "capacity")
INTEGRATOR_SCOPES = ("feed", "webhooks")
