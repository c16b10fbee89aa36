"""The gazetteer, follow-up codes, and the numbers of incidents

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SEQUENCE wangge.incident_number_serial")
    op.create_table(
        "follow_up",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=False),
        sa.Column("hashed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["wangge.incident.id"], name=op.f("fk_follow_up_incident_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up")),
        sa.UniqueConstraint("incident_id", name=op.f("uq_follow_up_incident_id")),
        schema="wangge",
    )
    op.create_table(
        "place_name",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("county_code", sa.Text(), nullable=False),
        sa.Column("community_code", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("compound_code", sa.Text(), nullable=True),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("official", sa.Boolean(), nullable=False),
        sa.Column("radius_m", sa.Double(), nullable=False),
        sa.Column("geometry", Geometry("POINT", srid=4490, spatial_index=False, nullable=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place_name")),
        schema="wangge",
    )
    op.create_index(
        op.f("ix_place_name_county_code"), "place_name", ["county_code"], unique=False, schema="wangge"
    )
    op.create_index(
        "ix_place_name_key",
        "place_name",
        ["key"],
        unique=False,
        schema="wangge",
        postgresql_using="gin",
        postgresql_ops={"key": "gin_trgm_ops"},
    )
    op.create_index(
        "idx_place_name_geometry",
        "place_name",
        ["geometry"],
        unique=False,
        schema="wangge",
        postgresql_using="gist",
    )


def downgrade() -> None:
    op.drop_table("place_name", schema="wangge")
    op.drop_table("follow_up", schema="wangge")
    op.execute("DROP SEQUENCE wangge.incident_number_serial")
