# SPDX-License-Identifier: MPL-2.0
"""What this service says beside the events of its lifecycles; nothing personal in it."""
from __future__ import annotations

from datetime import date

from jobtrappen.tx import Tx
from jobtrappen_referral.model import Assessment, Citizen


def assessment_confirmed(tx: Tx, citizen: Citizen, assessment: Assessment, day: date) -> None:
    """Matching fetches the profile of this version and proposes."""
    tx.say("assessment.confirmed", key=citizen.id, subject=f"assessment/{assessment.id}", subject_version=assessment.version, time=day, data={
        "case_id": citizen.id, "assessment_id": assessment.id, "start_step": assessment.start_step, "profile_version": citizen.profile_version})
