# SPDX-License-Identifier: MPL-2.0
"""The optional statistic of origin shows no cell from which a single family could be read, outside the demo's fictional cohort."""
from __future__ import annotations

from pathlib import Path
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from jobtrappen.db import reading, writing
from jobtrappen.tx import SYSTEM, Tx
from jobtrappen_referral import statistics
from jobtrappen_referral.model import Origin, Referral
from tests.support.stages_referral import REFERRAL
from tests.support.world import TODAY, a_world


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(statistics.COUNTRIES)), st.integers(1, 30), max_size=12))
def test_no_cell_is_below_five_and_none_can_be_computed_from_the_total(counts: dict[str, int]) -> None:
    shown, total = statistics.coarse(counts), sum(counts.values())
    assert all(n >= 5 for n in shown.values())
    hidden = [code for code in counts if code not in shown]
    if any(n < 5 for n in counts.values()):
        assert len(hidden) >= min(2, len(counts)), "one cell alone would be the total less the others"
    else:
        assert shown == counts
    assert sum(shown.values()) == (total if total >= 5 or not counts else 0)
    assert all(shown[code] == counts[code] for code in shown if code != "few")


def test_the_tables_are_whole_in_the_demo_alone(tmp_path: Path) -> None:
    with a_world(tmp_path, services=["referral"]) as world:
        runtime = world.runtimes["referral"]
        for nationality in ("TR", "TR", "TR", "IQ"):
            id = REFERRAL.reach(world, "accepted")
            with writing(runtime.engine) as session:
                case = session.get_one(Referral, UUID(id)).case_id
                session.add(Origin(case_id=case, version=1, nationality=nationality, family_origin=nationality, born_abroad=True))

        def table() -> dict[str, int]:
            with reading(runtime.engine) as session:
                return statistics.table_3(Tx(session, runtime, SYSTEM), TODAY)

        assert table() == {"TR": 3, "IQ": 1}
        runtime.settings = runtime.settings.on(mode="production")
        assert table() == {}
        for _ in range(2):
            id = REFERRAL.reach(world, "accepted")
            with writing(runtime.engine) as session:
                case = session.get_one(Referral, UUID(id)).case_id
                session.add(Origin(case_id=case, version=1, nationality="SO", family_origin="SO", born_abroad=True))
        assert table() == {"few": 6}
