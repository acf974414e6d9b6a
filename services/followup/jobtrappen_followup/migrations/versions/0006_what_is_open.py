# SPDX-License-Identifier: MPL-2.0
"""What is open is found without reading what is done"""
import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None
UNDONE = sa.text('done_on IS NULL AND dropped_on IS NULL')


def upgrade() -> None:
    op.create_index('ix_duty_open', 'duty', ['due_on', 'id', 'kind'], postgresql_where=UNDONE, sqlite_where=UNDONE)


def downgrade() -> None:
    op.drop_index('ix_duty_open', 'duty')
