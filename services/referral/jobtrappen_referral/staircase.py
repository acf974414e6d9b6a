# SPDX-License-Identifier: MPL-2.0
"""The start step, proposed from five inputs with the reasons in words; a person confirms it (F-042, F-043).

The rule is the project's own: education or long experience → ordinary job; moderate difficulty, as long unemployment →
wage subsidy, then ordinary; very little experience or unstable attendance → internship, then up. No score, no learning.
"""
from __future__ import annotations

from typing import Any


def propose(inputs: dict[str, Any], track: str) -> tuple[str, list[str]]:
    """(start step, reasons).

    Args:
        inputs: education (none, basic, vocational, higher), experience_years, stable_attendance (stable, mixed, unstable,
            unknown), months_away (from the labour market), limits (functional limits).
    """
    reasons = []
    if track == "youth":
        return "leisure_job", ["under 18: a leisure job beside school"]
    if inputs["stable_attendance"] == "unstable":
        return "internship", ["attendance is unstable: start with an internship and close support"]
    if inputs["education"] in ("vocational", "higher"):
        reasons.append(f"has a {inputs['education']} education")
    if inputs["experience_years"] >= 5:
        reasons.append(f"{inputs['experience_years']} years of experience")
    if inputs.get("limits"):
        reasons.append(f"{len(inputs['limits'])} functional limits to be met at the workplace")
    if reasons and inputs["months_away"] < 24 and not inputs.get("limits"):
        return "ordinary_job", reasons
    if inputs["experience_years"] < 1:
        return "internship", [*reasons, "less than a year of experience"]
    if inputs["months_away"] >= 12:
        reasons.append(f"{inputs['months_away']} months away from the labour market")
    return "wage_subsidy", reasons or ["some experience, nothing that speaks for a lower step"]
