# SPDX-License-Identifier: MPL-2.0
"""Who has looked at a citizen's case, when and why, as she may be told: staff by their role, in plain words (C-579/21)."""
from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobtrappen import audit_words, migrate, plugins
from jobtrappen.cli import cli
from jobtrappen.clock import new_id
from jobtrappen.config import Settings
from jobtrappen.runtime import Runtime
from jobtrappen.tx import Actor, transaction
from jobtrappen.web.app import routes
from tests.support import stages_partners
from tests.support.stages_referral import a_case
from tests.support.world import (
    ADMINISTRATOR,
    CASEWORKER,
    CONSULTANT,
    COORDINATOR,
    TEAM_LEAD,
    World,
    a_world,
    names_field,
    refused,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("access"), services=["referral", "partners"]) as made:
        yield made


def entries(world: World, case: str, **query: str) -> list[dict[str, str]]:
    answer = world.referral(CASEWORKER).get(f"/cases/{case}/access-report", **query)
    assert answer.status == 200, answer.text
    assert (answer.json["case_id"], answer.json["service"]) == (case, "referral")
    return answer.json["entries"]


def test_it_lists_every_read_and_write_of_the_case_in_words_and_itself(world: World) -> None:
    case, other = a_case(world), a_case(world)
    world.client("referral", CONSULTANT, "substitution").get(f"/cases/{case}")
    world.referral(TEAM_LEAD).get("/cases")
    world.referral(CASEWORKER).post(f"/cases/{case}/circumstances", {"code_set": "readiness", "code": "job_ready"})
    world.client("referral", CONSULTANT, "substitution").get(f"/cases/{other}")
    seen = [(e["role"], e["unit"], e["what"], e["why"]) for e in entries(world, case)]
    assert seen == [
        ("sagsbehandler", "lokalcenter", "Sag: åbnet", "arbejde med sagen"), ("jobkonsulent", "jobkonsulenterne", "Så: sag", "afløsning for en kollega"),
        ("teamleder", "jobkonsulenterne", "Så en liste med: sag", "arbejde med sagen"),
        ("sagsbehandler", "lokalcenter", "Sag: forhold skrevet ind", "arbejde med sagen"),
    ]
    again = entries(world, case, language="en")
    assert [e["what"] for e in again] == ["Case: opened", "Looked at: case", "Saw a list with: case", "Case: circumstance written down",
                                          "Looked at: the list of who looked at the case"]
    assert (again[-1]["role"], again[-1]["why"]) == ("caseworker", "access for the citizen")
    assert [e["at"] for e in again] == sorted(e["at"] for e in again)


def test_no_member_of_staff_stands_in_it_by_name(world: World) -> None:
    case = a_case(world)
    for who in (CONSULTANT, TEAM_LEAD):
        assert world.client("referral", who, "supervision").get(f"/cases/{case}").status == 200
    for form in ("json", "csv"):
        text = world.referral(CASEWORKER).get(f"/cases/{case}/access-report", format=form).text
        assert not [name for name in ("karen", "mehmet", "lone") if name in text.lower()]


def test_as_csv_it_has_the_same_rows_and_is_audited_too(world: World) -> None:
    case = a_case(world)
    assert world.client("referral", CONSULTANT, "supervision").get(f"/cases/{case}").status == 200
    expected = [e["what"] for e in entries(world, case)]
    answer = world.referral(CASEWORKER).get(f"/cases/{case}/access-report", format="csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text), delimiter=";"))
    assert [r["what"] for r in rows] == [*expected, "Så: listen over, hvem der har set sagen"]
    assert len(entries(world, case)) == len(rows) + 1


def test_a_partner_and_the_other_services_stand_in_the_log_of_the_service_they_asked(world: World) -> None:
    school = stages_partners.a_partner(world)
    case = stages_partners.a_known_case(world)
    key = stages_partners.a_key(world, school)
    request = stages_partners.a_draft(world, case, school)
    world.partners(CASEWORKER).post(f"/requests/{request.id}/request", {})
    assert world.partners(key).get("/my/requests").json["total"] == 1
    found = world.partners(CASEWORKER).get(f"/cases/{case}/access-report", language="en").json["entries"]
    assert ("partner organisation", "Saw a list with: question to a partner") in [(e["role"], e["what"]) for e in found]
    assert school not in str(found), "which key it was is not said"
    copies = [e for e in entries(world, case, language="en") if e["role"] == "the system"]
    assert [(e["what"], e["why"]) for e in copies][-1] == ("Fetched personal data for another part of the system", "cooperation with partners")


def test_only_a_caseworker_may_hand_it_out_and_what_is_not_known_is_not_here_yet(world: World) -> None:
    case = a_case(world)
    for who in (CONSULTANT, TEAM_LEAD, COORDINATOR, ADMINISTRATOR):
        for form in ("json", "csv"):
            refused(world.referral(who).get(f"/cases/{case}/access-report", format=form), 403)
    refused(world.referral("").get(f"/cases/{case}/access-report"), 401)
    answer = refused(world.referral(CASEWORKER).get(f"/cases/{new_id()}/access-report"), 404)
    assert answer.headers["Retry-After"] == "1"
    names_field(refused(world.referral(CASEWORKER).get(f"/cases/{case}/access-report", format="xml"), 422), "format")


def test_everything_that_can_be_audited_about_a_case_has_words_in_both_languages() -> None:
    found = 0
    for service in plugins.services().values():
        runtime = Runtime(service, Settings(Path(), "sqlite://", "sqlite://", "x" * 40, mode="demo"))
        wanted = [(f"{one.name}.{step.action}", one.name, False) for one in service.lifecycles for step in one.steps]
        wanted += [(f"read.{r.name}", r.resource, r.many) for r in routes(runtime) if r.audits and r.method == "GET"]
        for action, subject, many in wanted:
            for language in audit_words.LANGUAGES:
                said = audit_words.what(action, subject, many, language)
                noun, _, verb = action.partition(".")
                assert "_" not in said, (action, said)
                assert noun == "read" or (noun in audit_words.NOUNS and verb in audit_words.VERBS), action
            found += 1
    assert found > 100
    for role in ("caseworker", "consultant", "team_lead", "coordinator", "administrator", "partner", "service", "system"):
        assert role in audit_words.ROLES


def test_the_operator_prints_it_for_all_services_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBTRAPPEN_HOME", str(tmp_path))
    monkeypatch.setenv("JOBTRAPPEN_LOG", "error")
    settings, case = Settings.from_env(), new_id()
    for name, heard in (("referral", True), ("matching", True), ("followup", False), ("partners", False)):
        runtime = Runtime(plugins.services()[name], settings)
        migrate.upgrade(runtime)
        if heard:
            with transaction(runtime, Actor("karen", "caseworker", "lokalcenter")) as tx:
                tx.audit("read.read_case", "case", case, case)
        runtime.close()
    printed = CliRunner().invoke(cli, ["audit", "report", "--case", str(case)])
    assert printed.exit_code == 0, printed.output
    rows = list(csv.reader(io.StringIO(printed.stdout), delimiter=";"))
    assert rows[0][0] == "service" and sorted(row[0] for row in rows[1:]) == ["matching", "referral"] and rows[1][5] == "Så: sag"
    assert "followup: has not heard of this case" in printed.stderr
    again = CliRunner().invoke(cli, ["audit", "report", "referral", "--case", str(case), "--format", "json", "--language", "en"])
    assert '"the list of who looked' not in again.stdout and "the list of who looked at the case" in again.stdout, "the first printing is on record"
