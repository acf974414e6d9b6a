# SPDX-License-Identifier: MPL-2.0
"""first tables: the ledger's history is made from its metadata in one piece"""
from alembic import context, op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    context.config.attributes["service"].metadata.create_all(op.get_bind())
