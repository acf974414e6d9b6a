# SPDX-License-Identifier: MPL-2.0
"""Tables 1, 2 and 5 of random cohorts, lived through referral's and followup's APIs, equal an independent oracle on every
day asked for (F-201, F-202, F-205, F-208); agreements are said by hand on matching's topic.
"""
from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobtrappen.clock import new_id
from jobtrappen.demo.client import Thing
from jobtrappen.demo.life import Moment, Person, Placement
from jobtrappen.demo.loader import Life, Town
from jobtrappen.demo.plan import random_cohort
from tests.support import oracle
from tests.support.in_process import InProcessSession
from tests.support.stages_followup import Matching, a_course
from tests.support.world import ADMINISTRATOR, CONSULTANT, TODAY, World, a_world

MAY = date(2004, 5, 25)
DAYS = (date(2003, 10, 1), date(2003, 12, 15), date(2004, 2, 2), date(2004, 3, 15), date(2004, 4, 30), MAY)
EMPLOYERS = [str(new_id()) for _ in range(200)]


class LifeWithoutMatching(Life):
    """A planned life whose agreements are only heard of."""

    def __init__(self, session: InProcessSession, matching: Matching, person: Person) -> None:
        super().__init__(session, Town(), person)
        self.matching, self.agreements = matching, dict[int, dict[str, Any]]()

    def _tell_origin(self, _day: date) -> None:
        """The statistic is not part of this."""

    def _nothing(self, _moment: Moment, _fact: Placement, _day: date) -> None:
        """Matching's own business."""

    agreement_draft = agreement_request_grant = agreement_grant = _nothing

    def agreement_conclude(self, _moment: Moment, fact: Placement, day: date) -> None:
        place = EMPLOYERS[fact.employer]
        self.agreements[id(fact)] = self.matching.conclude(self.case_id, day, measure=fact.measure, workplace_id=place, employer_id=place, starts_on=fact.start,
                                                           ends_on=fact.planned_end, weekly_hours=fact.hours)
        self.things[id(fact)] = _Named(self.agreements[id(fact)]["agreement_id"])  # type: ignore[assignment]

    def case_return(self, moment: Moment, fact: Any, day: date) -> None:
        """The referral ends with the return, so that a later one may be sent."""
        super().case_return(moment, fact, day)
        found = self.session.get(CONSULTANT, "referral", f"/referrals/{self._referral.id}")
        if found["status"] == "accepted":
            ended = Thing(found, f'"{found["version"]}"')
            self._post(CONSULTANT, "referral", f"/referrals/{ended.id}/end_early", {"reason_code": "other", "outcome_code": "not_achieved"}, day, on=ended, name="end")

    def placement_extend(self, moment: Moment, fact: Placement, day: date) -> None:
        known = self.agreements[id(fact)]
        known["version"] = known.get("version", 1) + 1
        self.matching.change(self.case_id, known, "extend", day, version=known["version"], ends_on=moment.detail)


class _Named:
    def __init__(self, id: str) -> None:
        self.id = id


def live(world: World, cohort: Sequence[Person]) -> None:
    matching = Matching(world, settles=False)
    session = InProcessSession(world, "followup")
    for person in cohort:
        LifeWithoutMatching(session, matching, person).live()
    world.settle()


def rows(world: World, number: int, as_of: date) -> dict[str, int]:
    answer = world.followup(CONSULTANT).get(f"/reports/table-{number}", as_of=as_of)
    assert answer.status == 200, answer.text
    return {r["key"]: r["value"] for r in answer.json["rows"] if r["value"]}


def without_zeros(table: dict[str, int]) -> dict[str, int]:
    return {key: value for key, value in table.items() if value}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_random_cohort_gives_the_tables_that_an_oracle_reads_from_its_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setenv("JOBTRAPPEN_PLUGINS", "referral,followup")
    cohort = random_cohort(seed, 14)
    with a_world(tmp_path, today=MAY, services=["referral", "followup"]) as world:
        live(world, cohort)
        for day in DAYS:
            expected = oracle.tables(cohort, day)
            for number in (1, 2, 5):
                assert rows(world, number, day) == without_zeros(expected[f"table_{number}"]), (seed, number, day)
        for course in world.followup(CONSULTANT).get("/courses", limit=200).json["items"]:
            steps = world.followup(CONSULTANT).get(f"/courses/{course['id']}/steps").json["items"]
            assert (steps[-1]["step"], steps[-1]["until"]) == (course["step"], None), "the dated way ends where the citizen stands"


def test_the_tables_have_the_published_rows_in_their_order_and_others_only_when_not_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBTRAPPEN_PLUGINS", "referral,followup")
    with a_world(tmp_path, services=["referral", "followup"]) as world:
        lone = world.followup("lone")
        printed = [r["label"] for r in lone.get("/reports/table-1", as_of=TODAY).json["rows"]]
        assert printed == ["Job", "Løntilskud", "Løntilskud forlænget", "Virksomhedspraktik forlænget", "Fritidsjob", "EUC (aktiveringsprojekter)",
                           "Uddannelse", "Andet", "Retur"]
        assert [r["value"] for r in lone.get("/reports/table-5", as_of=TODAY).json["rows"]] == [0, 0, 0, 0]
        a_course(world)
        found = lone.get("/reports/table-1", as_of=TODAY).json
        assert found["rows"][-1] == {"key": "not_placed", "label": "Ikke placeret", "value": 1} and found["total"] == 1
        assert "Ikke placeret" in lone.get("/reports/table-1", as_of=TODAY, format="text").text
        assert "not_placed;Ikke placeret;1" in lone.get("/reports/table-1", as_of=TODAY, format="csv").text


def test_the_target_board_counts_jobs_and_leisure_jobs_beside_their_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # F-200
    monkeypatch.setenv("JOBTRAPPEN_PLUGINS", "referral,followup")
    with a_world(tmp_path, services=["referral", "followup"]) as world:
        matching = Matching(world)
        began = TODAY - timedelta(days=10)
        for track, measure in (("adult", "ordinary_job"), ("adult", "flexjob"), ("adult", "wage_subsidy"), ("youth", "leisure_job")):
            case = a_course(world, track, began)
            placement = matching.placement(case, day=began, measure=measure, starts_on=began, weekly_hours=12)
            assert world.followup(CONSULTANT).post(f"/placements/{placement}/start", {"effective_date": began}).status == 200
        board = world.followup(CONSULTANT).get("/reports/target-board", as_of=TODAY).json
        assert [(r["label"], r["value"]) for r in board["rows"]] == [("I ordinært job eller fleksjob (mål 130)", 2), ("Unge i fritidsjob (mål 50)", 1)]
        assert world.followup(ADMINISTRATOR).get("/reports/target-board", as_of=began - timedelta(days=1)).json["total"] == 0
