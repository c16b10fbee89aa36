"""Publishing a plan: all or nothing, codes and forerunners, waivers, incidents, staff, and the way back."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import shapely
from sqlalchemy import make_url, text

from gis.demo.community import COMMUNITY, COUNTY, make_community
from gis.errors import ConflictError, InputError, NotFoundError, RuleError
from gis.layers.database import Database, connect
from gis.layers.editions import edition_at, edition_numbered, read_grids
from gis.service.access import Actor
from gis.service.loading import load_place
from gis.service.plans.plan_draft import PlanDraft
from gis.service.plans.plan_memory import forget_draft, load_draft
from gis.service.plans.plan_starting import start_plan
from gis.service.plans.publishing import Published, publish_plan, rebase_plan, roll_back, settle_incidents
from gis.service.plans.redrawing import merge_grids, move_units, set_grid, split_grid
from gis.service.plans.reviewing import Review, key_of, review_plan
from gis.terms import Role

pytestmark = pytest.mark.database

WANG = Actor("王规划", Role.PLANNER, COUNTY)
A, B = COMMUNITY + "001", COMMUNITY + "002"
NORTH, SOUTH = COMMUNITY + "010", COMMUNITY + "012"


@pytest.fixture(scope="module")
def template(module_database: Database) -> tuple[Database, int]:
    """The demonstration community with a plan, made once; every test clones the database."""
    load_place(module_database, make_community(), actor="test")
    with module_database.connection() as connection:
        plan_id = start_plan(connection, WANG, COMMUNITY, "春季调整").row.id
    return module_database, plan_id


@pytest.fixture
def place(template: tuple[Database, int], request: pytest.FixtureRequest) -> Iterator[Database]:
    source, _ = template
    source.engine.dispose()
    name = f"publishing_{abs(hash(request.node.name)) % 10**9}"
    url = make_url(source.url)
    admin = connect(url.set(database="postgres").render_as_string(hide_password=False))
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f'CREATE DATABASE {name} TEMPLATE "{url.database}"'))
    admin.engine.dispose()
    database = connect(url.set(database=name).render_as_string(hide_password=False))
    yield database
    database.engine.dispose()


@pytest.fixture
def plan(template: tuple[Database, int]) -> int:
    return template[1]


def draft_of(place: Database, plan: int) -> PlanDraft:
    with place.connection() as connection:
        return load_draft(connection, plan)


def do(place: Database, act, *arguments, **more):
    with place.connection() as connection:
        return act(connection, *arguments, **more)


def border_units(draft: PlanDraft, of: str, to: str) -> list[str]:
    graph = draft.core.units.adjacency
    pairs = np.concatenate([np.stack([graph.i, graph.j], 1), np.stack([graph.j, graph.i], 1)])
    rows = [a for a, b in pairs if draft.labels[a] == of and draft.labels[b] == to]
    return sorted({draft.unit_ids[row] for row in rows})


def push_border(place: Database, plan: int, version: int = 1) -> list[str]:
    some = border_units(draft_of(place, plan), B, A)[:2]
    do(place, move_units, WANG, plan, version, some, A)
    return some


def reasons(review: Review) -> dict[str, str]:
    return {key_of(one): "大院户数多,按楼栋分开" for one in review.failures}


def publish(place: Database, plan: int, version: int, **more) -> Published:
    review = do(place, review_plan, WANG, plan)
    return do(place, publish_plan, WANG, plan, version, waivers=reasons(review), **more)


def shown(place: Database) -> list[list[tuple]]:
    """Everything that readers see of grids and staff now."""
    views = ("current_layers.grid", "public_layers.grid", "current_layers.staff", "public_layers.staff")
    with place.connection() as connection:
        return [
            [tuple(row) for row in connection.execute(text(f"SELECT * FROM {view} ORDER BY id"))]
            for view in views
        ]


def test_a_redraw_becomes_the_next_edition_with_its_record(place: Database, plan: int) -> None:
    moved = push_border(place, plan)
    done = publish(place, plan, 2, note="调边界")
    assert done.edition.number == 2
    with place.connection() as connection:
        assert edition_at(connection, COUNTY) == done.edition
        grids = read_grids(connection, done.edition, community_code=COMMUNITY)
        audit = connection.execute(
            text("SELECT act, actor FROM wangge.audit WHERE subject = :s ORDER BY id"),
            {"s": f"edition {COUNTY} 2"},
        ).all()
        event = connection.execute(
            text("SELECT body FROM wangge.event WHERE kind = 'edition_changed' ORDER BY id DESC LIMIT 1")
        ).scalar_one()
        row = connection.execute(
            text("SELECT state, proof FROM wangge.plan WHERE id = :p"), {"p": plan}
        ).one()
    assert [tuple(line) for line in audit] == [("publish", "王规划"), ("waive", "王规划")]
    assert event["number"] == 2
    assert row.state == "published"
    assert row.proof["coverage_valid"]
    assert row.proof["difference_m2"] == 0
    # Every point of a moved unit has its new owner, and exactly one basic one.
    draft = draft_of(place, plan)
    basic = grids[grids["grid_type"] == "basic"]
    for name in moved:
        inside = shapely.point_on_surface(draft.shapes[draft.core.units.row_of[name]])
        owners = basic.loc[shapely.contains(np.asarray(basic.geometry.array), inside), "grid_code"]
        assert owners.tolist() == [A]
    assert len(grids) == len(make_community()["grids"])


def test_failures_stop_it_until_each_has_a_reason(place: Database, plan: int) -> None:
    draft = draft_of(place, plan)
    some = [name for name, code in zip(draft.unit_ids, draft.labels, strict=True) if code == A][:8]
    do(place, move_units, WANG, plan, 1, some, B)
    review = do(place, review_plan, WANG, plan)
    keys = {key_of(one) for one in review.failures}
    assert f"size_below:{A}" in keys
    assert f"size_above:{B}" in keys
    waivers = reasons(review)
    waivers.pop(f"size_above:{B}")
    with pytest.raises(RuleError) as caught:
        do(place, publish_plan, WANG, plan, 2, waivers=waivers)
    assert caught.value.details["needs_reason"] == [f"size_above:{B}"]
    with pytest.raises(InputError, match="reason"):
        do(place, publish_plan, WANG, plan, 2, waivers=waivers | {f"size_above:{B}": "  "})
    with place.connection() as connection:
        assert edition_at(connection, COUNTY).number == 1
    assert draft_of(place, plan).row.state == "draft"
    assert publish(place, plan, 2).edition.number == 2


def test_land_without_an_owner_cannot_be_waived(place: Database, plan: int) -> None:
    with place.connection() as connection:
        connection.execute(text("UPDATE wangge.plan_unit SET label = NULL WHERE unit_id = 'U00010'"))
        forget_draft(connection, plan)
    review = do(place, review_plan, WANG, plan)
    assert not review.proof.holds
    with pytest.raises(RuleError) as caught:
        do(place, publish_plan, WANG, plan, 1, waivers=reasons(review))
    assert caught.value.details["stops"]


def test_codes_stay_where_the_land_stays_and_new_ones_are_never_old(place: Database, plan: int) -> None:
    with place.connection() as connection:
        # Serial 013 was used once and closed: it is gone for good.
        connection.execute(
            text("INSERT INTO wangge.grid (grid_code, grid_type, community_code) VALUES (:g, 'basic', :c)"),
            {"g": COMMUNITY + "013", "c": COMMUNITY},
        )
        forget_draft(connection, plan)
    draft = draft_of(place, plan)
    west, south, east, north = shapely.total_bounds(draft.shapes[draft.labels == A])
    line = [(west, (south + north) / 2), (east, (south + north) / 2)]
    do(place, split_grid, WANG, plan, 1, A, line)
    do(place, merge_grids, WANG, plan, 2, [NORTH, SOUTH], NORTH)
    review = do(place, review_plan, WANG, plan)
    codes = {row["label"]: row for row in review.as_dict()["grids"]}
    fresh = {row["grid_code"]: row["predecessors"] for row in codes.values() if not row["kept"]}
    split_off = next(code for code, former in fresh.items() if former == [A])
    assert codes[A]["kept"]
    # The merged grid keeps the code that the planner chose, and is the heir of the other.
    assert codes[NORTH]["kept"]
    assert codes[NORTH]["predecessors"] == [SOUTH]
    assert split_off == COMMUNITY + "014"
    # Who wants a new code for it gives it one; the draft names both forerunners.
    do(place, set_grid, WANG, plan, 3, NORTH, {"renumber": True})
    published = publish(place, plan, 4)
    merged = COMMUNITY + "015"
    assert merged in set(published.review.new.grids["grid_code"])
    with place.connection() as connection:
        closed = set(
            connection.execute(
                text(
                    "SELECT grid_code FROM wangge.grid_boundary GROUP BY 1 "
                    "HAVING bool_and(NOT upper_inf(valid))"
                )
            ).scalars()
        )
        stored = connection.execute(
            text("SELECT predecessors FROM wangge.grid WHERE grid_code = :g"), {"g": merged}
        ).scalar_one()
    assert {NORTH, SOUTH} <= closed
    assert stored == [NORTH, SOUTH]


def test_open_incidents_follow_their_land_in_the_same_transaction(place: Database, plan: int) -> None:
    some = push_border(place, plan)
    draft = draft_of(place, plan)
    inside = shapely.point_on_surface(draft.shapes[draft.core.units.row_of[some[0]]])
    with place.connection() as connection:
        for number, state in (("I1", "assigned"), ("I2", "resolved")):
            connection.execute(
                text(
                    "INSERT INTO wangge.incident (incident_number, county_code, category, source, text, "
                    "reported_at, state, grid_code, owner_status, geometry) VALUES (:n, :c, 'noise', "
                    "'hotline', 'x', now(), :s, :g, 'inside', ST_SetSRID(ST_Point(:x, :y), 4490))"
                ),
                {"n": number, "c": COUNTY, "s": state, "g": B, "x": inside.x, "y": inside.y},
            )
    review = do(place, review_plan, WANG, plan)
    assert [(one.incident_number, one.from_grid, one.to_grid) for one in review.incidents] == [("I1", B, A)]
    done = publish(place, plan, 2)
    assert done.moved == 1
    with place.connection() as connection:
        owners = dict(
            connection.execute(text("SELECT incident_number, grid_code FROM wangge.incident")).all()
        )
        step = connection.execute(text("SELECT act, from_grid, to_grid FROM wangge.incident_step")).one()
    assert owners == {"I1": A, "I2": B}
    assert tuple(step) == ("moved", B, A)


def test_staff_go_with_their_grid_or_where_they_are_asked_for(place: Database, plan: int) -> None:
    with place.connection() as connection:
        posts = dict(
            connection.execute(
                text(
                    "SELECT grid_code, min(staff_code) FROM wangge.staff WHERE role = 'full_time' GROUP BY 1"
                )
            ).all()
        )
    push_border(place, plan)
    do(place, set_grid, WANG, plan, 2, B, {"staff": [posts[A]]})
    review = do(place, review_plan, WANG, plan)
    assert [(one["staff_code"], one["from"], one["to"]) for one in review.staff.moves] == [(posts[A], A, B)]
    assert f"no_full_time:{A}" in {key_of(one) for one in review.failures}
    publish(place, plan, 3)
    today = dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).date()
    with place.connection() as connection:
        rows = connection.execute(
            text(
                "SELECT grid_code, valid_from, valid_to FROM wangge.staff WHERE staff_code LIKE :s ORDER BY 2"
            ),
            {"s": posts[A] + "%"},
        ).all()
    assert [row.grid_code for row in rows] == [A, B]
    assert rows[0].valid_to == rows[1].valid_from == today


def test_a_scheduled_edition_takes_force_at_its_hour(place: Database, plan: int) -> None:
    push_border(place, plan)
    do(place, set_grid, WANG, plan, 2, A, {"name": "新名字", "colour_theme": "blue"})
    before = shown(place)
    hour = dt.datetime.now(dt.UTC) + dt.timedelta(days=3)
    done = publish(place, plan, 3, effective_from=hour)
    # What anybody sees of the grids, and who serves in them, is as it was, to the letter.
    assert shown(place) == before
    with place.connection() as connection:
        assert edition_at(connection, COUNTY).number == 1
        assert edition_at(connection, COUNTY, hour) == done.edition
        assert settle_incidents(connection, COUNTY) == 0
        then = read_grids(connection, done.edition, community_code=COMMUNITY).set_index("grid_code")
    assert then.loc[A, ["name", "colour_theme"]].tolist() == ["新名字", "blue"]
    with pytest.raises(InputError, match="past"):
        publish(place, plan, 4, effective_from=dt.datetime.now(dt.UTC) - dt.timedelta(days=1))


def test_two_plans_of_one_community_cannot_both_be_published_unseen(place: Database, plan: int) -> None:
    with place.connection() as connection:
        other = start_plan(connection, WANG, COMMUNITY, "另一个").row.id
    push_border(place, plan)
    push_border(place, other)
    publish(place, plan, 2)
    with pytest.raises(ConflictError, match="edition 2 changed"):
        publish(place, other, 2)
    based = do(place, rebase_plan, WANG, other, 2)
    assert based.row.base_number == 2
    assert based.households_moved == 0
    with pytest.raises(ConflictError):
        publish(place, other, 2)


def test_going_back_is_a_new_edition(place: Database, plan: int) -> None:
    push_border(place, plan)
    publish(place, plan, 2)
    back = do(place, roll_back, WANG, COMMUNITY, 1, reason="居民意见")
    with place.connection() as connection:
        first = edition_numbered(connection, COUNTY, 1)
        assert (back.number, back.digest) == (3, first.digest)
        assert edition_at(connection, COUNTY) == back
    with pytest.raises(RuleError, match="nothing would change"):
        do(place, roll_back, WANG, COMMUNITY, 1, reason="再来")
    with pytest.raises(NotFoundError):
        do(place, roll_back, WANG, COMMUNITY, 9, reason="x")


def test_a_publication_that_is_killed_leaves_nothing_but_the_saved_draft(place: Database, plan: int) -> None:
    moved = push_border(place, plan)
    program = textwrap.dedent(
        f"""
        import sys, time
        from gis.layers.database import connect
        from gis.service.access import Actor
        from gis.service.plans.publishing import publish_plan
        from gis.service.plans.reviewing import key_of, review_plan
        from gis.terms import Role

        me = Actor("王规划", Role.PLANNER, "{COUNTY}")
        database = connect({place.url!r})
        with database.connection() as connection:
            waivers = {{key_of(one): "x" for one in review_plan(connection, me, {plan}).failures}}
        with database.connection() as connection:
            print(publish_plan(connection, me, {plan}, 2, waivers=waivers).edition.number, flush=True)
            time.sleep(60)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    ) as process:
        assert process.stdout is not None
        # Everything is written, and nothing is committed.
        written = process.stdout.readline().strip()
        process.kill()
    assert written == "2"
    with place.connection() as connection:
        forget_draft(connection, plan)
        draft = load_draft(connection, plan)
        assert edition_at(connection, COUNTY).number == 1
        half = connection.execute(
            text("SELECT count(*) FROM wangge.grid_boundary WHERE NOT upper_inf(valid)")
        ).scalar_one()
    assert half == 0
    assert (draft.row.state, draft.row.version) == ("draft", 2)
    assert {draft.labels[draft.core.units.row_of[name]] for name in moved} == {A}
    assert publish(place, plan, 2).edition.number == 2


def test_a_new_name_alone_is_an_edition_and_going_back_brings_the_old_one(place: Database, plan: int) -> None:
    with place.connection() as connection:
        other = start_plan(connection, WANG, COMMUNITY, "另一个").row.id
    do(place, set_grid, WANG, plan, 1, A, {"name": "新名字"})
    publish(place, plan, 2)
    push_border(place, other)
    # The other plan knows the old name only: published unseen, it would take the new one back.
    with pytest.raises(ConflictError, match="edition 2 changed"):
        publish(place, other, 2)
    do(place, roll_back, WANG, COMMUNITY, 1, reason="还是原来的好")
    with place.connection() as connection:
        names = [
            read_grids(connection, edition_numbered(connection, COUNTY, number)).set_index("grid_code")[
                "name"
            ][A]
            for number in (1, 2, 3)
        ]
    assert names[1] == "新名字"
    assert names[0] == names[2] != names[1]
