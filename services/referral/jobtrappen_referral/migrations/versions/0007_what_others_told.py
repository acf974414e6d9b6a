# SPDX-License-Identifier: MPL-2.0
"""what other services told of a case"""
import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('heard',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('service', sa.String(length=20), nullable=False),
    sa.Column('resource', sa.String(length=40), nullable=True),
    sa.Column('thing_id', sa.Uuid(), nullable=True),
    sa.Column('about', sa.String(length=40), nullable=True),
    sa.Column('role', sa.String(length=40), nullable=True),
    sa.Column('unit', sa.String(length=40), nullable=True),
    sa.Column('effective_date', sa.Date(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_heard'))
    )
    op.create_index('ix_heard_case', 'heard', ['case_id'])
    op.create_index('ix_heard_service', 'heard', ['service', 'recorded_at'])


def downgrade() -> None:
    op.drop_table('heard')
