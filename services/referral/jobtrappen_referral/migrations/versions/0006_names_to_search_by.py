# SPDX-License-Identifier: MPL-2.0
"""A citizen is found by her name: keyed hashes of its parts and their beginnings

New and changed persons fill the table by themselves. For those who were there before, run `jobtrappen keys reseal referral` once,
beside the work: it makes the hashes of every citizen whose `names_by` is empty or names an older look-up key. Until then
`jobtrappen keys status` tells how many are left, and a search by name does not find them.
"""
import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('name_token',
    sa.Column('token', sa.String(length=32), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['citizen.id'], name=op.f('fk_name_token_case_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('token', 'case_id', name=op.f('pk_name_token'))
    )
    op.create_index(op.f('ix_name_token_case_id'), 'name_token', ['case_id'], unique=False)
    op.add_column('citizen', sa.Column('names_by', sa.String(length=40), nullable=True))


def downgrade() -> None:
    op.drop_column('citizen', 'names_by')
    op.drop_index(op.f('ix_name_token_case_id'), table_name='name_token')
    op.drop_table('name_token')
