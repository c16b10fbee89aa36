"""The house as it was founded

Revision: 0001, the first
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from geoalchemy2 import Geometry

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        schema="wangge",
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False, schema="wangge")
    op.create_index(op.f("ix_audit_subject"), "audit", ["subject"], unique=False, schema="wangge")
    op.create_table(
        "colour_theme",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("theme", sa.Text(), nullable=False),
        sa.Column("colour", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_colour_theme")),
        sa.UniqueConstraint("theme", name=op.f("uq_colour_theme_theme")),
        schema="wangge",
    )
    op.create_geospatial_table(
        "division",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("division_code", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_code", sa.Text(), nullable=True),
        sa.Column(
            "geometry",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(
            ["parent_code"],
            ["wangge.division.division_code"],
            name=op.f("fk_division_parent_code"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_division")),
        sa.UniqueConstraint("division_code", name=op.f("uq_division_division_code")),
        schema="wangge",
    )
    op.create_geospatial_index(
        "idx_division_geometry",
        "division",
        ["geometry"],
        unique=False,
        schema="wangge",
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(
        op.f("ix_division_parent_code"), "division", ["parent_code"], unique=False, schema="wangge"
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("county_code", sa.Text(), nullable=True),
        sa.Column("division_code", sa.Text(), nullable=True),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        schema="wangge",
    )
    op.create_table(
        "incident_category",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("accept_hours", sa.Double(), server_default="2", nullable=False),
        sa.Column("resolve_hours", sa.Double(), server_default="72", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_category")),
        sa.UniqueConstraint("category", name=op.f("uq_incident_category_category")),
        schema="wangge",
    )
    op.create_table(
        "incident_source",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_source")),
        sa.UniqueConstraint("source", name=op.f("uq_incident_source_source")),
        schema="wangge",
    )
    op.create_table(
        "owner_precedence",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owner_precedence")),
        sa.UniqueConstraint("layer", name=op.f("uq_owner_precedence_layer")),
        sa.UniqueConstraint("rank", name=op.f("uq_owner_precedence_rank")),
        schema="wangge",
    )
    op.create_table(
        "service_category",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_category")),
        sa.UniqueConstraint("category", name=op.f("uq_service_category_category")),
        schema="wangge",
    )
    op.create_geospatial_table(
        "compound",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("compound_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("managed", sa.Boolean(), nullable=True),
        sa.Column("aliases", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("households", sa.Integer(), nullable=True),
        sa.Column("residents", sa.Integer(), nullable=True),
        sa.Column("predecessors", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("community_code", sa.Text(), nullable=False),
        sa.Column(
            "geometry",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["community_code"], ["wangge.division.division_code"], name=op.f("fk_compound_community_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compound")),
        sa.UniqueConstraint("compound_code", name=op.f("uq_compound_compound_code")),
        schema="wangge",
    )
    op.create_geospatial_index(
        "idx_compound_geometry",
        "compound",
        ["geometry"],
        unique=False,
        schema="wangge",
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(
        op.f("ix_compound_community_code"), "compound", ["community_code"], unique=False, schema="wangge"
    )
    op.create_table(
        "edition",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("county_code", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "published_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["county_code"], ["wangge.division.division_code"], name=op.f("fk_edition_county_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edition")),
        sa.UniqueConstraint(
            "county_code", "effective_from", name=op.f("uq_edition_county_code_effective_from")
        ),
        sa.UniqueConstraint("county_code", "number", name=op.f("uq_edition_county_code_number")),
        schema="wangge",
    )
    op.create_table(
        "grid",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("grid_code", sa.Text(), nullable=False),
        sa.Column("grid_type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("community_code", sa.Text(), nullable=False),
        sa.Column("parent_code", sa.Text(), nullable=True),
        sa.Column("colour_theme", sa.Text(), nullable=True),
        sa.Column("predecessors", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["colour_theme"], ["wangge.colour_theme.theme"], name=op.f("fk_grid_colour_theme")
        ),
        sa.ForeignKeyConstraint(
            ["community_code"], ["wangge.division.division_code"], name=op.f("fk_grid_community_code")
        ),
        sa.ForeignKeyConstraint(
            ["parent_code"],
            ["wangge.grid.grid_code"],
            name=op.f("fk_grid_parent_code"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grid")),
        sa.UniqueConstraint("grid_code", name=op.f("uq_grid_grid_code")),
        schema="wangge",
    )
    op.create_index(op.f("ix_grid_community_code"), "grid", ["community_code"], unique=False, schema="wangge")
    op.create_index(op.f("ix_grid_parent_code"), "grid", ["parent_code"], unique=False, schema="wangge")
    op.create_geospatial_table(
        "service_point",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("point_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("phones", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("hours", sa.Text(), nullable=True),
        sa.Column("accessible", sa.Boolean(), nullable=True),
        sa.Column("verified_on", sa.Date(), nullable=True),
        sa.Column("public", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("community_code", sa.Text(), nullable=True),
        sa.Column(
            "geometry",
            Geometry(
                geometry_type="POINT",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["category"], ["wangge.service_category.category"], name=op.f("fk_service_point_category")
        ),
        sa.ForeignKeyConstraint(
            ["community_code"],
            ["wangge.division.division_code"],
            name=op.f("fk_service_point_community_code"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_point")),
        sa.UniqueConstraint("point_code", name=op.f("uq_service_point_point_code")),
        schema="wangge",
    )
    op.create_geospatial_index(
        "idx_service_point_geometry",
        "service_point",
        ["geometry"],
        unique=False,
        schema="wangge",
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(
        op.f("ix_service_point_category"), "service_point", ["category"], unique=False, schema="wangge"
    )
    op.create_index(
        op.f("ix_service_point_community_code"),
        "service_point",
        ["community_code"],
        unique=False,
        schema="wangge",
    )
    op.create_geospatial_table(
        "street",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("street_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("barrier_class", sa.Text(), nullable=False),
        sa.Column("community_code", sa.Text(), nullable=True),
        sa.Column(
            "geometry",
            Geometry(
                geometry_type="MULTILINESTRING",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["community_code"], ["wangge.division.division_code"], name=op.f("fk_street_community_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_street")),
        sa.UniqueConstraint("street_code", name=op.f("uq_street_street_code")),
        schema="wangge",
    )
    op.create_geospatial_index(
        "idx_street_geometry",
        "street",
        ["geometry"],
        unique=False,
        schema="wangge",
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(
        op.f("ix_street_community_code"), "street", ["community_code"], unique=False, schema="wangge"
    )
    op.create_table(
        "token",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("division_code", sa.Text(), nullable=False),
        sa.Column("hashed", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["division_code"], ["wangge.division.division_code"], name=op.f("fk_token_division_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("hashed", name=op.f("uq_token_hashed")),
        sa.UniqueConstraint("name", name=op.f("uq_token_name")),
        schema="wangge",
    )
    op.create_geospatial_table(
        "building",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("building_code", sa.Text(), nullable=False),
        sa.Column("compound_code", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("units", sa.Integer(), nullable=True),
        sa.Column("floors", sa.Integer(), nullable=True),
        sa.Column("households", sa.Integer(), nullable=True),
        sa.Column("residents", sa.Integer(), nullable=True),
        sa.Column("counted_on", sa.Date(), nullable=True),
        sa.Column("basis", sa.Text(), nullable=True),
        sa.Column("community_code", sa.Text(), nullable=False),
        sa.Column(
            "geometry",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["community_code"], ["wangge.division.division_code"], name=op.f("fk_building_community_code")
        ),
        sa.ForeignKeyConstraint(
            ["compound_code"], ["wangge.compound.compound_code"], name=op.f("fk_building_compound_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_building")),
        sa.UniqueConstraint("building_code", name=op.f("uq_building_building_code")),
        schema="wangge",
    )
    op.create_geospatial_index(
        "idx_building_geometry",
        "building",
        ["geometry"],
        unique=False,
        schema="wangge",
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(
        op.f("ix_building_community_code"), "building", ["community_code"], unique=False, schema="wangge"
    )
    op.create_index(
        op.f("ix_building_compound_code"), "building", ["compound_code"], unique=False, schema="wangge"
    )
    op.create_geospatial_table(
        "grid_boundary",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("grid_code", sa.Text(), nullable=False),
        sa.Column("grid_type", sa.Text(), nullable=False),
        sa.Column("county_code", sa.Text(), nullable=False),
        sa.Column("valid", postgresql.TSTZRANGE(), server_default=sa.text("'[,)'"), nullable=False),
        sa.Column("edition_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "geometry",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        postgresql.ExcludeConstraint(
            (sa.column("grid_code"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="one_shape_at_a_time",
        ),
        sa.ForeignKeyConstraint(
            ["county_code"], ["wangge.division.division_code"], name=op.f("fk_grid_boundary_county_code")
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["wangge.edition.id"], name=op.f("fk_grid_boundary_edition_id")
        ),
        sa.ForeignKeyConstraint(
            ["grid_code"], ["wangge.grid.grid_code"], name=op.f("fk_grid_boundary_grid_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grid_boundary")),
        schema="wangge",
    )
    op.create_geospatial_index(
        "idx_grid_boundary_geometry",
        "grid_boundary",
        ["geometry"],
        unique=False,
        schema="wangge",
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(
        "ix_grid_boundary_county_valid",
        "grid_boundary",
        ["county_code", "valid"],
        unique=False,
        schema="wangge",
        postgresql_using="gist",
    )
    op.create_index(
        op.f("ix_grid_boundary_edition_id"), "grid_boundary", ["edition_id"], unique=False, schema="wangge"
    )
    op.create_geospatial_table(
        "incident",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("incident_number", sa.Text(), nullable=False),
        sa.Column("county_code", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reporter", sa.Text(), nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("crs", sa.Text(), nullable=True),
        sa.Column("accuracy_m", sa.Double(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("photo", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("grid_code", sa.Text(), nullable=True),
        sa.Column("division_code", sa.Text(), nullable=True),
        sa.Column("owner_status", sa.Text(), nullable=True),
        sa.Column("margin_m", sa.Double(), nullable=True),
        sa.Column("distance_m", sa.Double(), nullable=True),
        sa.Column("candidates", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("edition_id", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("merged_into", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "geometry",
            Geometry(
                geometry_type="POINT",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(
            ["category"], ["wangge.incident_category.category"], name=op.f("fk_incident_category")
        ),
        sa.ForeignKeyConstraint(
            ["county_code"], ["wangge.division.division_code"], name=op.f("fk_incident_county_code")
        ),
        sa.ForeignKeyConstraint(
            ["division_code"], ["wangge.division.division_code"], name=op.f("fk_incident_division_code")
        ),
        sa.ForeignKeyConstraint(["edition_id"], ["wangge.edition.id"], name=op.f("fk_incident_edition_id")),
        sa.ForeignKeyConstraint(["grid_code"], ["wangge.grid.grid_code"], name=op.f("fk_incident_grid_code")),
        sa.ForeignKeyConstraint(
            ["source"], ["wangge.incident_source.source"], name=op.f("fk_incident_source")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sa.UniqueConstraint("incident_number", name=op.f("uq_incident_incident_number")),
        schema="wangge",
    )
    op.create_geospatial_index(
        "idx_incident_geometry",
        "incident",
        ["geometry"],
        unique=False,
        schema="wangge",
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(op.f("ix_incident_grid_code"), "incident", ["grid_code"], unique=False, schema="wangge")
    op.create_index(
        "ix_incident_queue", "incident", ["county_code", "state", "due_at"], unique=False, schema="wangge"
    )
    op.create_table(
        "plan",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("community_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("base_edition_id", sa.BigInteger(), nullable=False),
        sa.Column("base_plan_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default="draft", nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("grids", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("proof", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("published_edition_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["base_edition_id"], ["wangge.edition.id"], name=op.f("fk_plan_base_edition_id")
        ),
        sa.ForeignKeyConstraint(["base_plan_id"], ["wangge.plan.id"], name=op.f("fk_plan_base_plan_id")),
        sa.ForeignKeyConstraint(
            ["community_code"], ["wangge.division.division_code"], name=op.f("fk_plan_community_code")
        ),
        sa.ForeignKeyConstraint(
            ["published_edition_id"], ["wangge.edition.id"], name=op.f("fk_plan_published_edition_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        schema="wangge",
    )
    op.create_index(op.f("ix_plan_community_code"), "plan", ["community_code"], unique=False, schema="wangge")
    op.create_table(
        "staff",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("staff_code", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("grid_code", sa.Text(), nullable=True),
        sa.Column("division_code", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("public_phone", sa.Text(), nullable=True),
        sa.Column("private_phone", sa.Text(), nullable=True),
        sa.CheckConstraint("(grid_code IS NULL) <> (division_code IS NULL)", name=op.f("ck_staff_one_place")),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_staff_time_runs_forward")
        ),
        sa.ForeignKeyConstraint(
            ["division_code"], ["wangge.division.division_code"], name=op.f("fk_staff_division_code")
        ),
        sa.ForeignKeyConstraint(["grid_code"], ["wangge.grid.grid_code"], name=op.f("fk_staff_grid_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("staff_code", name=op.f("uq_staff_staff_code")),
        schema="wangge",
    )
    op.create_index(op.f("ix_staff_division_code"), "staff", ["division_code"], unique=False, schema="wangge")
    op.create_index(op.f("ix_staff_grid_code"), "staff", ["grid_code"], unique=False, schema="wangge")
    op.create_table(
        "visit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("grid_code", sa.Text(), nullable=False),
        sa.Column("visited_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("households", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["grid_code"], ["wangge.grid.grid_code"], name=op.f("fk_visit_grid_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
        schema="wangge",
    )
    op.create_index(op.f("ix_visit_grid_code"), "visit", ["grid_code"], unique=False, schema="wangge")
    op.create_table(
        "incident_step",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("from_grid", sa.Text(), nullable=True),
        sa.Column("to_grid", sa.Text(), nullable=True),
        sa.Column("edition_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("change", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["wangge.edition.id"], name=op.f("fk_incident_step_edition_id")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["wangge.incident.id"], name=op.f("fk_incident_step_incident_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_step")),
        sa.UniqueConstraint("incident_id", "sequence", name=op.f("uq_incident_step_incident_id_sequence")),
        schema="wangge",
    )
    op.create_index(
        op.f("ix_incident_step_incident_id"), "incident_step", ["incident_id"], unique=False, schema="wangge"
    )
    op.create_table(
        "kept_answer",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["wangge.incident.id"], name=op.f("fk_kept_answer_incident_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_answer")),
        sa.UniqueConstraint("actor", "key", name=op.f("uq_kept_answer_actor_key")),
        schema="wangge",
    )
    op.create_index(op.f("ix_kept_answer_at"), "kept_answer", ["at"], unique=False, schema="wangge")
    op.create_geospatial_table(
        "plan_comment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column(
            "geometry",
            Geometry(
                geometry_type="POINT",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["wangge.plan.id"], name=op.f("fk_plan_comment_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_comment")),
        schema="wangge",
    )
    op.create_geospatial_index(
        "idx_plan_comment_geometry",
        "plan_comment",
        ["geometry"],
        unique=False,
        schema="wangge",
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(
        op.f("ix_plan_comment_plan_id"), "plan_comment", ["plan_id"], unique=False, schema="wangge"
    )
    op.create_table(
        "plan_step",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("change", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["wangge.plan.id"], name=op.f("fk_plan_step_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_step")),
        sa.UniqueConstraint("plan_id", "sequence", name=op.f("uq_plan_step_plan_id_sequence")),
        schema="wangge",
    )
    op.create_index(op.f("ix_plan_step_plan_id"), "plan_step", ["plan_id"], unique=False, schema="wangge")
    op.create_geospatial_table(
        "plan_unit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("households", sa.Integer(), nullable=True),
        sa.Column("residents", sa.Integer(), nullable=True),
        sa.Column("compound_code", sa.Text(), nullable=True),
        sa.Column(
            "geometry",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["wangge.plan.id"], name=op.f("fk_plan_unit_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_unit")),
        sa.UniqueConstraint("plan_id", "unit_id", name=op.f("uq_plan_unit_plan_id_unit_id")),
        schema="wangge",
    )
    op.create_geospatial_index(
        "idx_plan_unit_geometry",
        "plan_unit",
        ["geometry"],
        unique=False,
        schema="wangge",
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(op.f("ix_plan_unit_plan_id"), "plan_unit", ["plan_id"], unique=False, schema="wangge")
    op.create_check_constraint(
        op.f("ck_division_division_code_form"),
        "division",
        "division_code ~ '^[1-9][0-9]{11}$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_division_level_term"),
        "division",
        "level IN ('county', 'street', 'community')",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_division_parent_code_form"), "division", "parent_code ~ '^[1-9][0-9]{11}$'", schema="wangge"
    )
    op.create_check_constraint(
        op.f("ck_compound_compound_code_form"),
        "compound",
        "compound_code ~ '^[1-9][0-9]{15}$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_compound_kind_term"),
        "compound",
        "kind IN ('compound', 'standalone', 'bungalow')",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_compound_households_sign"), "compound", "households >= 0", schema="wangge"
    )
    op.create_check_constraint(
        op.f("ck_compound_residents_sign"), "compound", "residents >= 0", schema="wangge"
    )
    op.create_check_constraint(
        op.f("ck_compound_community_code_form"),
        "compound",
        "community_code ~ '^[1-9][0-9]{11}$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_edition_county_code_form"), "edition", "county_code ~ '^[1-9][0-9]{11}$'", schema="wangge"
    )
    op.create_check_constraint(
        op.f("ck_grid_grid_code_form"),
        "grid",
        "grid_code ~ '^[1-9][0-9]{11}((?!000|800)[0-9]{3})(-[0-9]{2})?$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_grid_grid_type_term"),
        "grid",
        "grid_type IN ('basic', 'exclusive', 'micro')",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_grid_community_code_form"), "grid", "community_code ~ '^[1-9][0-9]{11}$'", schema="wangge"
    )
    op.create_check_constraint(
        op.f("ck_grid_parent_code_form"),
        "grid",
        "parent_code ~ '^[1-9][0-9]{11}((?!000|800)[0-9]{3})(-[0-9]{2})?$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_service_point_point_code_form"),
        "service_point",
        "point_code ~ '^[1-9][0-9]{17}$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_service_point_community_code_form"),
        "service_point",
        "community_code ~ '^[1-9][0-9]{11}$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_street_barrier_class_term"),
        "street",
        "barrier_class IN ('arterial', 'lane', 'river', 'wall')",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_street_community_code_form"),
        "street",
        "community_code ~ '^[1-9][0-9]{11}$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_token_role_term"), "token", "role IN ('planner', 'dispatcher', 'admin')", schema="wangge"
    )
    op.create_check_constraint(
        op.f("ck_token_division_code_form"), "token", "division_code ~ '^[1-9][0-9]{11}$'", schema="wangge"
    )
    op.create_check_constraint(
        op.f("ck_building_building_code_form"),
        "building",
        "building_code ~ '^[1-9][0-9]{16}$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_building_compound_code_form"),
        "building",
        "compound_code ~ '^[1-9][0-9]{15}$'",
        schema="wangge",
    )
    op.create_check_constraint(op.f("ck_building_units_sign"), "building", "units >= 0", schema="wangge")
    op.create_check_constraint(op.f("ck_building_floors_sign"), "building", "floors >= 0", schema="wangge")
    op.create_check_constraint(
        op.f("ck_building_households_sign"), "building", "households >= 0", schema="wangge"
    )
    op.create_check_constraint(
        op.f("ck_building_residents_sign"), "building", "residents >= 0", schema="wangge"
    )
    op.create_check_constraint(
        op.f("ck_building_basis_term"),
        "building",
        "basis IN ('registered', 'resident', 'dwellings', 'estimated')",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_building_community_code_form"),
        "building",
        "community_code ~ '^[1-9][0-9]{11}$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_grid_boundary_grid_code_form"),
        "grid_boundary",
        "grid_code ~ '^[1-9][0-9]{11}((?!000|800)[0-9]{3})(-[0-9]{2})?$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_grid_boundary_grid_type_term"),
        "grid_boundary",
        "grid_type IN ('basic', 'exclusive', 'micro')",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_grid_boundary_county_code_form"),
        "grid_boundary",
        "county_code ~ '^[1-9][0-9]{11}$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_incident_county_code_form"), "incident", "county_code ~ '^[1-9][0-9]{11}$'", schema="wangge"
    )
    op.create_check_constraint(
        op.f("ck_incident_state_term"),
        "incident",
        "state IN ('reported', 'assigned', 'accepted', 'resolved', 'rated', 'merged')",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_incident_grid_code_form"),
        "incident",
        "grid_code ~ '^[1-9][0-9]{11}((?!000|800)[0-9]{3})(-[0-9]{2})?$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_incident_division_code_form"),
        "incident",
        "division_code ~ '^[1-9][0-9]{11}$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_incident_owner_status_term"),
        "incident",
        "owner_status IN ('inside', 'edge', 'ambiguous', 'outside', 'manual', 'invalid')",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_plan_community_code_form"), "plan", "community_code ~ '^[1-9][0-9]{11}$'", schema="wangge"
    )
    op.create_check_constraint(
        op.f("ck_staff_role_term"),
        "staff",
        "role IN ('leader', 'full_time', 'part_time', 'police')",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_staff_grid_code_form"),
        "staff",
        "grid_code ~ '^[1-9][0-9]{11}((?!000|800)[0-9]{3})(-[0-9]{2})?$'",
        schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_staff_division_code_form"), "staff", "division_code ~ '^[1-9][0-9]{11}$'", schema="wangge"
    )
    op.create_check_constraint(
        op.f("ck_visit_grid_code_form"),
        "visit",
        "grid_code ~ '^[1-9][0-9]{11}((?!000|800)[0-9]{3})(-[0-9]{2})?$'",
        schema="wangge",
    )


def downgrade() -> None:
    op.execute("DROP SCHEMA wangge CASCADE")
