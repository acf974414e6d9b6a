# SPDX-License-Identifier: MPL-2.0
"""The oracle itself, on lives short enough to be counted by hand."""
from __future__ import annotations

from datetime import date

from jobtrappen.demo.life import Person, Placement, Referral, Returned
from tests.support.oracle import tables


def day(text: str) -> date:
    return date.fromisoformat(f"2004-{text}")


def life(*facts, nationality="TR", origin="TR", track="adult", accepted="01-05") -> Person:
    first = Referral(day(accepted), day(accepted), "form", track)
    return Person(
        1, "", "", "", "", "", "", date(1970, 2, 2), nationality, "DK", origin, "cash_benefit", 1, False,
        (first, *facts),
    )


def placement(measure: str, start: str, ended: str | None = None, extended=()) -> Placement:
    decisions = tuple((day(decided), day(until)) for decided, until in extended)
    end = (day(ended), "next_step") if ended else None
    return Placement(measure, day(start), day("05-31"), 20, 0, extended=decisions, ended=end)


def row(person: Person, text: str, table: str = "table_1") -> list[str]:
    return [key for key, count in tables([person], day(text))[table].items() if count]


def test_a_placement_counts_on_its_first_day_and_not_on_the_day_it_ends():
    one = life(placement("wage_subsidy", "02-02", "02-20"))
    assert [row(one, text) for text in ("02-01", "02-02", "02-19", "02-20")] == [
        ["not_placed"], ["wage_subsidy"], ["wage_subsidy"], ["not_placed"]]


def test_nobody_counts_before_the_day_of_acceptance():
    one = life(accepted="03-15")
    assert row(one, "03-14") == row(one, "03-14", "table_3") == []
    assert (row(one, "03-15"), row(one, "03-15", "table_3")) == (["not_placed"], ["Tyrkiet"])


def test_extended_is_a_decision_on_the_present_placement_on_or_before_the_day():
    one = life(
        placement("internship", "01-12", "03-01", [("02-10", "03-05")]),
        placement("wage_subsidy", "03-01", None, [("04-01", "06-01")]),
    )
    assert [row(one, text) for text in ("02-09", "02-10", "03-01", "03-31", "04-01")] == [
        ["internship"], ["internship_extended"], ["wage_subsidy"], ["wage_subsidy"], ["wage_subsidy_extended"]]


def test_of_two_placements_the_higher_counts():
    one = life(placement("activation", "01-12"), placement("education", "02-02", "03-01"),
               placement("ordinary_job", "02-10", "02-20"))
    assert [row(one, text) for text in ("01-12", "02-02", "02-10", "02-20", "03-01")] == [
        ["activation_project_EUC"], ["education"], ["ordinary_job"], ["education"], ["activation_project_EUC"]]


def test_an_extension_of_the_lower_of_two_placements_says_nothing_of_the_higher():
    one = life(placement("internship", "01-12", None, [("02-10", "06-10")]), placement("wage_subsidy", "02-02"))
    assert row(one, "02-10") == ["wage_subsidy"]


def test_the_path_to_a_job_is_read_as_it_was_on_the_day():
    one = life(
        placement("ordinary_job", "01-12", "02-02"), placement("internship", "02-02", "03-01"),
        placement("ordinary_job", "03-01"),
    )
    assert [row(one, text, "table_5") for text in ("01-12", "02-02", "03-01")] == [
        ["directly"], [], ["straight_after_internship"]]


def test_returned_goes_before_what_runs_and_lasts_until_a_new_acceptance():
    one = life(
        placement("internship", "01-12", "03-20"),
        Returned(day("02-02"), "pregnant", "on_leave"),
        Referral(day("02-20"), day("02-25"), "form", "adult"),
        Returned(day("03-22"), "refuses_offers", "no_transfer_income"),
    )
    assert [row(one, text) for text in ("02-01", "02-02", "02-24", "02-25", "03-22")] == [
        ["internship"], ["other"], ["other"], ["internship"], ["returned"]]
    assert [row(one, text, "table_6") for text in ("02-24", "02-25", "03-22")] == [["pregnant"], [], ["refuses_offers"]]
    assert row(one, "02-24", "table_2") == ["illness_pregnancy_clarification_etc"]


def test_the_path_to_a_job_leaves_activation_out_and_reaches_back_over_a_return():
    activated = life(placement("activation", "01-05", "02-02"), placement("ordinary_job", "02-02"))
    assert row(activated, "02-02", "table_5") == ["directly"]
    came_back = life(
        placement("internship", "01-12", "01-20"), Returned(day("01-20"), "sick_leave", "on_sick_leave"),
        Referral(day("02-02"), day("02-03"), "form", "adult"),
        placement("wage_subsidy", "02-10", "03-01"), placement("ordinary_job", "03-01"),
    )
    assert row(came_back, "03-01", "table_5") == ["via_internship_and_wage_subsidy"]
    assert row(came_back, "02-28", "table_5") == []


def test_youths_count_by_family_origin_and_never_by_nationality():
    one = life(placement("leisure_job", "02-02", "03-01"), track="youth", nationality="DK", origin="XXA")
    assert row(one, "02-02", "table_4") == ["Statsløse"] and row(one, "02-02", "table_3") == []
    assert (row(one, "02-02"), row(one, "03-01"), row(one, "03-01", "table_4")) == (["leisure_job"], ["not_placed"], [])
