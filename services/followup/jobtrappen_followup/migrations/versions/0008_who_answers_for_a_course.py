# SPDX-License-Identifier: MPL-2.0
"""who answers for a course"""
import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('course', sa.Column('responsible', sa.String(length=80), nullable=True))
    op.create_index(op.f('ix_course_responsible'), 'course', ['responsible'])


def downgrade() -> None:
    op.drop_index(op.f('ix_course_responsible'), 'course')
    op.drop_column('course', 'responsible')
