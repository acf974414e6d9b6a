# SPDX-License-Identifier: MPL-2.0
"""A case's transitions and the copies that are wanted are found without reading whole tables"""
import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None
WANTED = sa.text('wanted > version AND erased = 0')


def upgrade() -> None:
    op.create_index('ix_transition_case', 'transition', ['case_id'])
    op.create_index('ix_person_copy_wanted', 'person_copy', ['case_id'], postgresql_where=WANTED, sqlite_where=WANTED)


def downgrade() -> None:
    op.drop_index('ix_person_copy_wanted', 'person_copy')
    op.drop_index('ix_transition_case', 'transition')
