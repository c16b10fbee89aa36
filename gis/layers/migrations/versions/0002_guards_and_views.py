"""Guards that no client can get round, and the views that others read

Revision: 0002, after 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("edition", "incident_step", "audit", "plan_step", "plan_comment", "event")

REFUSE_CHANGE = """
CREATE FUNCTION wangge.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'WG001';
END $$
"""

# A boundary is closed once, by setting the end of its period. All else about it stays.
GUARD_BOUNDARY = """
CREATE FUNCTION wangge.guard_boundary() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
        AND upper_inf(OLD.valid) AND NOT upper_inf(NEW.valid)
        AND lower(NEW.valid) = lower(OLD.valid) AND upper(NEW.valid) > lower(NEW.valid)
        AND (NEW.grid_code, NEW.grid_type, NEW.county_code, NEW.edition_id)
            = (OLD.grid_code, OLD.grid_type, OLD.county_code, OLD.edition_id)
        AND ST_AsBinary(NEW.geometry) = ST_AsBinary(OLD.geometry)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a published boundary may only be closed' USING ERRCODE = 'WG001';
END $$
"""

# Interiors that share any area at all overlap: there is no tolerance. It looks at the rows as they stand
# when the transaction ends, so that a redraw may insert its grids in any order.
REFUSE_OVERLAP = """
CREATE FUNCTION wangge.refuse_overlap() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE other text;
BEGIN
    SELECT b.grid_code INTO other
    FROM wangge.grid_boundary AS a JOIN wangge.grid_boundary AS b
        ON b.id <> a.id AND b.grid_type = 'basic' AND b.county_code = a.county_code
        AND b.valid && a.valid AND b.geometry && a.geometry
        AND ST_Relate(a.geometry, b.geometry, '2********')
    WHERE a.id = NEW.id AND a.grid_type = 'basic'
    LIMIT 1;
    IF other IS NOT NULL THEN
        RAISE EXCEPTION 'basic grids overlap'
            USING ERRCODE = 'WG002', DETAIL = NEW.grid_code || ', ' || other;
    END IF;
    RETURN NULL;
END $$
"""

TELL_LISTENERS = """
CREATE FUNCTION wangge.tell_listeners() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('wangge_event', NEW.id || ' ' || NEW.kind);
    RETURN NULL;
END $$
"""

READ_ONLY = """
CREATE FUNCTION wangge.refuse_writing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the view % is for reading only', TG_TABLE_NAME USING ERRCODE = 'WG001';
END $$
"""

IN_FORCE = "b.valid @> now()"

GRID_VIEW = f"""
SELECT b.id, g.grid_code, g.grid_type, g.name, g.community_code, g.parent_code, g.colour_theme, {{more}}
    e.number AS edition, e.effective_from, b.geometry
FROM wangge.grid_boundary AS b
JOIN wangge.grid AS g ON g.grid_code = b.grid_code
JOIN wangge.edition AS e ON e.id = b.edition_id
WHERE {IN_FORCE}
"""

CURRENT = {
    "division": "SELECT id, division_code, level, name, parent_code, geometry FROM wangge.division",
    "compound": """SELECT id, compound_code, name, kind, managed, aliases, households, residents,
        predecessors, community_code, geometry FROM wangge.compound""",
    "building": """SELECT id, building_code, compound_code, number, units, floors, households, residents,
        counted_on, basis, community_code, geometry FROM wangge.building""",
    "service_point": """SELECT id, point_code, name, category, address, phones, hours, accessible,
        verified_on, public, community_code, geometry FROM wangge.service_point""",
    "street": "SELECT id, street_code, name, barrier_class, community_code, geometry FROM wangge.street",
    "grid": GRID_VIEW.format(more="g.predecessors,"),
    "staff": """SELECT id, staff_code, person, role, grid_code, division_code, valid_from, valid_to,
        public_phone FROM wangge.staff WHERE valid_from <= CURRENT_DATE
        AND (valid_to IS NULL OR valid_to > CURRENT_DATE)""",
}

# The public layer: what a resident may see, and nothing else. No counts, no private phones.
PUBLIC = {
    "division": "SELECT id, division_code, level, name, parent_code, geometry FROM wangge.division",
    "compound": "SELECT id, compound_code, name, kind, community_code, geometry FROM wangge.compound",
    "building": """SELECT id, building_code, compound_code, number, floors, community_code, geometry
        FROM wangge.building""",
    "service_point": """SELECT id, point_code, name, category, address, phones, hours, accessible,
        verified_on, community_code, geometry FROM wangge.service_point WHERE public""",
    "street": "SELECT id, street_code, name, barrier_class, community_code, geometry FROM wangge.street",
    "grid": GRID_VIEW.format(more=""),
    "staff": """SELECT id, person, role, grid_code, division_code, public_phone
        FROM wangge.staff WHERE public_phone IS NOT NULL AND valid_from <= CURRENT_DATE
        AND (valid_to IS NULL OR valid_to > CURRENT_DATE)""",
}


def upgrade() -> None:
    for function in (REFUSE_CHANGE, GUARD_BOUNDARY, REFUSE_OVERLAP, TELL_LISTENERS, READ_ONLY):
        op.execute(function)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON wangge.{table} "
            "FOR EACH ROW EXECUTE FUNCTION wangge.refuse_change()"
        )
    for table in (*APPEND_ONLY, "grid_boundary"):
        op.execute(
            f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON wangge.{table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION wangge.refuse_change()"
        )
    op.execute(
        "CREATE TRIGGER only_closed BEFORE UPDATE OR DELETE ON wangge.grid_boundary "
        "FOR EACH ROW EXECUTE FUNCTION wangge.guard_boundary()"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER no_overlap AFTER INSERT ON wangge.grid_boundary "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.grid_type = 'basic') "
        "EXECUTE FUNCTION wangge.refuse_overlap()"
    )
    op.execute(
        "CREATE TRIGGER told AFTER INSERT ON wangge.event FOR EACH ROW EXECUTE FUNCTION wangge.tell_listeners()"
    )
    for schema, views in (("current_layers", CURRENT), ("public_layers", PUBLIC)):
        op.execute(f"CREATE SCHEMA {schema}")
        for name, query in views.items():
            op.execute(f"CREATE VIEW {schema}.{name} AS {query}")
            op.execute(
                f"CREATE TRIGGER read_only INSTEAD OF INSERT OR UPDATE OR DELETE ON {schema}.{name} "
                "FOR EACH ROW EXECUTE FUNCTION wangge.refuse_writing()"
            )


def downgrade() -> None:
    op.execute("DROP SCHEMA public_layers CASCADE")
    op.execute("DROP SCHEMA current_layers CASCADE")
    for name in ("refuse_change", "guard_boundary", "refuse_overlap", "tell_listeners", "refuse_writing"):
        op.execute(f"DROP FUNCTION wangge.{name} CASCADE")
