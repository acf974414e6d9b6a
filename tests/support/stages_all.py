# SPDX-License-Identifier: MPL-2.0
"""Every lifecycle on stage, and the listed triples whose condition a fresh thing does not meet (with the words of the refusal)."""
from __future__ import annotations

from tests.support import stages_followup, stages_matching, stages_partners, stages_referral

STAGES = [*stages_referral.STAGES, *stages_matching.STAGES, *stages_followup.STAGES, *stages_partners.STAGES]

HIDDEN = {("referral", "draft", "consultant")}
"""(lifecycle, state, role): a draft is the sender's until it is sent; the receiver's consultant is told that nothing is there."""

GUARDED: dict[tuple[str, str, str, str], str] = {
    ("referral", "accepted", "undo", "caseworker"): "Only the unit that answered",
    ("referral", "declined", "undo", "caseworker"): "Only the unit that answered",
    ("referral", "completed", "undo", "caseworker"): "Only the unit that answered",
    ("referral", "started", "void", "team_lead"): "a second lead must agree",
    ("referral", "started", "void", "administrator"): "a second lead must agree",
}
