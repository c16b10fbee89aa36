"""The transaction that an event belongs to, and how much of the public's rate is used

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Events that are there already get this transaction's number: they count as told when it commits.
    op.execute("ALTER TABLE wangge.event ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id()")
    op.create_index(op.f("ix_event_xact"), "event", ["xact"], unique=False, schema="wangge")
    op.create_table(
        "public_rate",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("full_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_public_rate")),
        sa.UniqueConstraint("client", name=op.f("uq_public_rate_client")),
        schema="wangge",
        # Forgotten after a crash, which harms nobody, and costs no log.
        prefixes=["UNLOGGED"],
    )


def downgrade() -> None:
    op.drop_table("public_rate", schema="wangge")
    op.drop_index(op.f("ix_event_xact"), table_name="event", schema="wangge")
    op.drop_column("event", "xact", schema="wangge")
