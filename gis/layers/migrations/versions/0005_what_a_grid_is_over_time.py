"""A grid's type, name, theme and parent change with its edition, not before

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A boundary is closed once, by setting the end of its period. All else about it stays.
GUARD_BOUNDARY = """
CREATE OR REPLACE FUNCTION wangge.guard_boundary() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
        AND upper_inf(OLD.valid) AND NOT upper_inf(NEW.valid)
        AND lower(NEW.valid) = lower(OLD.valid) AND upper(NEW.valid) > lower(NEW.valid)
        AND (NEW.grid_code, NEW.grid_type, NEW.county_code, NEW.edition_id)
            = (OLD.grid_code, OLD.grid_type, OLD.county_code, OLD.edition_id)
        {more}
        AND ST_AsBinary(NEW.geometry) = ST_AsBinary(OLD.geometry)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a published boundary may only be closed' USING ERRCODE = 'WG001';
END $$
"""
GUARD_FACTS = """AND (NEW.name, NEW.parent_code, NEW.colour_theme, NEW.predecessors)
            IS NOT DISTINCT FROM (OLD.name, OLD.parent_code, OLD.colour_theme, OLD.predecessors)"""

GRID_VIEW = """
CREATE OR REPLACE VIEW {schema}.grid AS
SELECT b.id, g.grid_code, {facts}.grid_type, {facts}.name, g.community_code, {facts}.parent_code,
    {facts}.colour_theme, {more} e.number AS edition, e.effective_from, b.geometry
FROM wangge.grid_boundary AS b
JOIN wangge.grid AS g ON g.grid_code = b.grid_code
JOIN wangge.edition AS e ON e.id = b.edition_id
WHERE b.valid @> now()
"""


def _views(facts: str) -> None:
    for schema, more in (("current_layers", f"{facts}.predecessors,"), ("public_layers", "")):
        op.execute(GRID_VIEW.format(schema=schema, facts=facts, more=more))


def upgrade() -> None:
    for column in (
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("parent_code", sa.Text(), nullable=True),
        sa.Column("colour_theme", sa.Text(), nullable=True),
        sa.Column("predecessors", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
    ):
        op.add_column("grid_boundary", column, schema="wangge")
    op.execute("ALTER TABLE wangge.grid_boundary DISABLE TRIGGER only_closed")
    op.execute(
        "UPDATE wangge.grid_boundary AS b SET name = g.name, parent_code = g.parent_code, "
        "colour_theme = g.colour_theme, predecessors = g.predecessors "
        "FROM wangge.grid AS g WHERE g.grid_code = b.grid_code"
    )
    op.execute("ALTER TABLE wangge.grid_boundary ENABLE TRIGGER only_closed")
    op.create_foreign_key(
        op.f("fk_grid_boundary_parent_code"),
        "grid_boundary",
        "grid",
        ["parent_code"],
        ["grid_code"],
        source_schema="wangge",
        referent_schema="wangge",
        deferrable=True,
        initially="DEFERRED",
    )
    op.create_foreign_key(
        op.f("fk_grid_boundary_colour_theme"),
        "grid_boundary",
        "colour_theme",
        ["colour_theme"],
        ["theme"],
        source_schema="wangge",
        referent_schema="wangge",
    )
    op.create_check_constraint(
        op.f("ck_grid_boundary_parent_code_form"),
        "grid_boundary",
        "parent_code ~ '^[1-9][0-9]{11}((?!000|800)[0-9]{3})(-[0-9]{2})?$'",
        schema="wangge",
    )
    op.execute(GUARD_BOUNDARY.format(more=GUARD_FACTS))
    _views("b")


def downgrade() -> None:
    _views("g")
    op.execute(GUARD_BOUNDARY.format(more=""))
    for column in ("predecessors", "colour_theme", "parent_code", "name"):
        op.drop_column("grid_boundary", column, schema="wangge")
