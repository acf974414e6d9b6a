# SPDX-License-Identifier: MPL-2.0
"""What docs/api promises is what the four services do: schemathesis with all its checks, as every role.

How examples are counted: every operation is drawn at least 50 times by the role that leads for it (the operations go round
among the roles that may do them), and that role runs the enumerated cases of the coverage phase too; every other role that may do it
runs a few random ones, and with `--thorough` the enumerated ones; a role that may not is refused before anything of the request is
read, so one example shows it. The services run in two processes side by side; each run is repeatable, because nothing is drawn from
a clock or from earlier answers.
"""
from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor

import pytest

from jobtrappen.config import SERVICES
from tests.support.openapi.run import LEAD, NOBODY, ROLES, Explored, explore

# Every check that schemathesis has; one that is not in this list would be off, one that is and has nothing to say, dead.
CHECKS = {"not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance", "response_schema_conformance",
          "negative_data_rejection", "positive_data_acceptance", "missing_required_header", "unsupported_method", "allow_header_conformance",
          "use_after_free", "ensure_resource_availability", "ignored_auth", "object_level_authorization", "only_rules_refuse", "every_error_is_a_problem"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Explored]]:
    """Runs of all services, begun at once, the longest first; asked for by the service's name."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        begun: dict[str, Future[Explored]] = {
            name: pool.submit(explore, name, tmp_path_factory.mktemp(name), request.config.getoption("--thorough")) for name in ("referral", "matching", "partners", "followup")}
        assert set(begun) == set(SERVICES)
        yield lambda name: begun[name].result()
        for one in begun.values():
            one.cancel()


@pytest.mark.parametrize("service", SERVICES)
def test_no_request_of_any_role_breaks_the_document(runs: Callable[[str], Explored], service: str) -> None:
    found = runs(service)
    print(service, {role: round(s, 1) for role, s in found.seconds.items()}, "s;", found.cases.total(), "examples")
    assert not found.failures, f"{len(found.failures)} failures\n\n" + "\n\n".join(f"{what}\n{how}" for what, how in list(found.failures.items())[:20])


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_saw_fifty_examples_and_every_role(runs: Callable[[str], Explored], service: str) -> None:
    found = runs(service)
    assert not {name: found.examples(name) for name in found.allowed if found.examples(name) < LEAD}
    unheard = [(name, role) for name, allowed in found.allowed.items() for role in ROLES if not found.cases[name, role]]
    assert not unheard, "no example at all"
    poor = {(name, role): found.cases[name, role] for name, allowed in found.allowed.items() for role in allowed or [NOBODY] if found.cases[name, role] < 5}
    assert not poor, "a role that may do it hardly did"


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_has_been_answered_with_success(runs: Callable[[str], Explored], service: str) -> None:
    found = runs(service)
    assert not [name for name in found.allowed if not any(found.statuses[name, status] for status in range(200, 300))]


@pytest.mark.parametrize("service", SERVICES)
def test_every_check_was_on(runs: Callable[[str], Explored], service: str) -> None:
    assert set(runs(service).checks) == CHECKS
