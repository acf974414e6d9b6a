# SPDX-License-Identifier: MPL-2.0
"""What counts as holding: schemathesis' own checks with the statuses that this suite's rules answer, and two of ours."""
from __future__ import annotations

import json
from datetime import date
from typing import Any

import schemathesis
from hypothesis import strategies as st

from tests.support.openapi.ids import Supply

CHECKS = {
    # A thing's state, dates that do not fit it and codes that exclude one another are refused in words: 422 for what the
    # document cannot say. That the document said what it could is the check `only_rules_refuse` below.
    # An X-Purpose is optional, and 428 when the case that was drawn is none of the unit's.
    "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "422", "428"]},
    # An If-Match that is no present version, however it is spelled, is 412.
    "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "428"]},
    # RFC 6585: a missing If-Match is 428. A drawn id that is nobody's is 404 first.
    "missing_required_header": {"expected-statuses": ["400", "401", "403", "404", "428"]},
}


@schemathesis.check
def only_rules_refuse(ctx: Any, response: Any, case: Any) -> None:
    """A request that the document calls valid is never refused by the service's own schema, only by a rule or the state."""
    supply: Supply | None = getattr(case.operation.schema, "supply", None)
    route = supply.routes.get(case.operation.definition.raw.get("operationId", "")) if supply else None
    if route is None or response.status_code != 422 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    errors = route.loads.validate(case.body) if route.loads is not None and isinstance(case.body, dict) else {}
    assert not {name for name in errors if name != "_schema"}, f"The document allows what the service's schema refuses: {errors}"


@schemathesis.check
def every_error_is_a_problem(ctx: Any, response: Any, case: Any) -> None:
    """RFC 9457 for every error, those included that no operation documents (404 and 405 of the router)."""
    if response.status_code >= 400 and response.request.method != "HEAD":
        assert response.headers["content-type"] == ["application/problem+json"], response.headers
        body = json.loads(response.content)
        assert body["status"] == response.status_code and {"type", "title", "detail", "instance"} <= set(body), body
        assert response.status_code != 405 or response.headers.get("allow"), "405 without Allow"


# Days and moments from 1900 to 2099, as the patterns beside their formats want them; drawn so, none has to be thrown away.
DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2099, 12, 31)).map(str)
schemathesis.openapi.format("date", DAYS)
schemathesis.openapi.format("date-time", st.tuples(DAYS, st.sampled_from(("T00:00:00Z", "T09:30:00+01:00", "T23:59:59.999999-23:59"))).map("".join))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    supply: Supply | None = getattr(case.operation.schema, "supply", None)
    if supply is not None:
        supply.feed(case)
