# SPDX-License-Identifier: MPL-2.0
"""What is going on is found without reading what is over"""
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_candidate_status', 'candidate', ['status', 'effective_date'])
    op.create_index('ix_match_status', 'match', ['status', 'effective_date'])
    op.create_index('ix_agreement_status', 'agreement', ['status', 'effective_date'])
    op.create_index('ix_match_case_status', 'match', ['case_id', 'status'])
    op.create_index('ix_agreement_case_status', 'agreement', ['case_id', 'status'])


def downgrade() -> None:
    op.drop_index('ix_agreement_case_status', 'agreement')
    op.drop_index('ix_match_case_status', 'match')
    op.drop_index('ix_agreement_status', 'agreement')
    op.drop_index('ix_match_status', 'match')
    op.drop_index('ix_candidate_status', 'candidate')
