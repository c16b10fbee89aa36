"""What leaves this house for everybody: every field by name, and no secret by any way out.

Whoever adds a field to a public view, route, site, handbook or tile meets these tests first. Widening a list
here is a decision about people, not a repair of a test.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import text
from starlette.routing import Mount

from gis.errors import CodeError, NotFoundError
from gis.layers.base import PUBLIC_SCHEMA
from gis.layers.editions import publish_edition
from gis.service.access import create_token
from gis.service.api.ogc import OGC_LAYERS
from gis.service.api.state import current_actor
from gis.service.loading import load_place
from gis.service.residents.guide import GridGuide, Guide, Person, Point
from gis.service.residents.public_layer import PUBLIC_FIELDS, read_public_place
from gis.service.residents.site import publish_site
from tests.service.conftest import COMMUNITY, COUNTY, DAY, Town, grids, open_town, place, publish

pytestmark = pytest.mark.database

FIELDS = {
    "divisions": {"division_code", "level", "name", "parent_code", "geometry"},
    "grids": {
        "grid_code", "grid_type", "name", "community_code", "parent_code", "colour_theme", "geometry",
    },
    "compounds": {"compound_code", "name", "kind", "aliases", "community_code", "geometry"},
    "buildings": {"building_code", "compound_code", "number", "floors", "community_code", "geometry"},
    "service_points": {
        "point_code", "name", "category", "address", "phones", "hours", "accessible", "verified_on",
        "community_code", "geometry",
    },
    "streets": {"street_code", "name", "barrier_class", "community_code", "geometry"},
    "staff": {"person", "role", "grid_code", "division_code", "public_phone"},
}  # fmt: skip

SECOND = DAY + dt.timedelta(days=9)

VIEW_ONLY = {"id": FIELDS, "edition": {"grids"}, "effective_from": {"grids"}}
"""Columns of the views that no reader of them takes as a field: the key, and the edition's facts."""

GUIDE_FIELDS = {
    Person: {"name", "role", "phone"},
    Point: {
        "number", "code", "name", "category", "address", "phones", "hours", "accessible", "verified_on",
        "stale", "at",
    },
    GridGuide: {"code", "name", "kind", "theme", "people", "points", "compounds", "also",
        "parent",
    },
    Guide: {
        "place", "name", "above", "updated_on", "on", "grids", "people", "outside", "points", "notes",
    },
}  # fmt: skip

PUBLIC_ROUTES = {
    "GET /", "GET /dispatch", "GET /planner", "GET /report", "GET /map/{community_code}", "GET /healthz",
    "GET /coverage/{community_code}",
    "GET /api/v1/locate", "POST /api/v1/locate", "POST /api/v1/locate/batch",
    "GET /api/v1/texts/{language}", "GET /api/v1/communities",
    "GET /api/v1/layers/{layer}",
    "GET /api/v1/incidents/kinds", "POST /api/v1/incidents", "POST /api/v1/incidents/snapshot",
    "POST /api/v1/incidents/photo-position", "POST /api/v1/follow",
    "POST /api/v1/incidents/{number}/rating", "GET /api/v1/addresses", "POST /api/v1/addresses",
    "POST /api/v1/service-points/{point_code}/wrong",
    "POST /api/v1/service-points/{point_code}/wrong/snapshot", "GET /wrong/{point_code}",
    "MOUNT /static/vendor", "MOUNT /static/maps", "MOUNT /static", "MOUNT /ogc",
}  # fmt: skip
"""Every way in that asks for no token."""

SECRETS = (
    "13800000001",
    "13800000002",
    "示例乙",  # in office, but without a published number
    "前任丙",  # has a published number, but is not in office any more
    "不公开的点",
    "987651",
    "987652",
    "987653",
    "秘密诉求",
    "reporter@example.cn",
    "内部备注",
    "the quiet planner",
)


def secretive_place() -> dict[str, Any]:
    """The small community, with something in it that nobody may see in every place that could hold it."""
    frames = place()
    frames["compounds"] = frames["compounds"].assign(households=987651, residents=987652)
    frames["buildings"] = frames["buildings"].assign(households=987653, residents=987652)
    former = (
        frames["staff"]
        .iloc[[0]]
        .assign(staff_code="S9", person="前任丙", public_phone="0471-0000999", valid_to=dt.date(2026, 2, 1))
    )
    frames["staff"] = pd.concat([frames["staff"], former], ignore_index=True)
    return frames


@pytest.fixture(scope="module")
def town(module_database, tmp_path_factory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    for running in open_town(module_database, folder):
        with module_database.connection() as connection:
            create_token(connection, "the quiet planner", "planner", COUNTY)
        load_place(module_database, secretive_place(), actor="test", effective_from=SECOND)
        with module_database.connection() as connection:
            publish_edition(
                connection,
                county_code=COUNTY,
                grids=grids(111.611),
                communities=[COMMUNITY],
                effective_from=SECOND,
                actor="the quiet planner",
                note="内部备注",
            )
        answer = running.client.post(
            "/api/v1/incidents",
            json={
                "category": "noise", "text": "秘密诉求", "reporter": "reporter@example.cn",
                "lon": 111.6035, "lat": 40.808, "crs": "cgcs2000",
            },
        )  # fmt: skip
        assert answer.status_code == 201
        running.app.state.service.current.refresh()
        yield running


@pytest.fixture(scope="module")
def site(town, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("site") / "out"
    publish_site(town.database, COMMUNITY, out, settings=town.settings, base_url="https://example.cn/")
    return out


def test_the_fields_are_those_that_were_decided_on() -> None:
    assert {layer: set(fields) for layer, fields in PUBLIC_FIELDS.items()} == FIELDS
    assert set(OGC_LAYERS) == set(FIELDS) - {"staff"}


def test_what_a_page_can_say_is_what_was_decided_on() -> None:
    for kind, fields in GUIDE_FIELDS.items():
        assert {one.name for one in dataclasses.fields(kind)} == fields


def test_the_views_hold_these_fields_and_no_others(module_database) -> None:
    with module_database.connection() as connection:
        rows = connection.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = :schema"
            ),
            {"schema": PUBLIC_SCHEMA},
        ).all()
    found: dict[str, set[str]] = {}
    for view, column in rows:
        layer = view if view == "staff" else f"{view}s"
        if layer not in VIEW_ONLY.get(column, ()):
            found.setdefault(layer, set()).add(column)
    assert found == FIELDS


def test_every_way_in_without_a_token_is_known(town) -> None:
    assert set(_ways_in(town.app.router.routes)) == PUBLIC_ROUTES


def _ways_in(routes) -> Iterator[str]:
    for route in routes:
        if isinstance(route, Mount):
            yield f"MOUNT {route.path}"
        elif hasattr(route, "dependant"):
            if current_actor not in set(_calls(route.dependant)):
                yield from (f"{method} {route.path}" for method in route.methods)
        elif hasattr(route, "original_router"):
            yield from _ways_in(route.original_router.routes)


def _calls(dependant) -> Iterator[Any]:
    yield dependant.call
    for one in dependant.dependencies:
        yield from _calls(one)


@pytest.mark.parametrize("layer", sorted(FIELDS))
def test_the_api_gives_these_fields(town, layer) -> None:
    answer = town.client.get(f"/api/v1/layers/{layer}", params={"division": COMMUNITY})
    features = answer.json()["features"]
    assert features
    for feature in features:
        assert set(feature["properties"]) - {"edition", "effective_from"} == FIELDS[layer] - {"geometry"}


@pytest.mark.parametrize("layer", sorted(set(FIELDS) - {"staff"}))
def test_ogc_gives_these_fields(town, layer) -> None:
    queryables = town.client.get(f"/ogc/collections/{layer}/queryables").json()
    assert set(queryables["properties"]) == FIELDS[layer]
    features = town.client.get(f"/ogc/collections/{layer}/items", params={"limit": 1000}).json()["features"]
    assert features
    for feature in features:
        assert set(feature["properties"]) == FIELDS[layer] - {"geometry"}


def test_ogc_has_no_collection_of_people_or_of_anything_else(town) -> None:
    listed = town.client.get("/ogc/collections").json()["collections"]
    assert {one["id"] for one in listed} == set(FIELDS) - {"staff"}
    for other in (
        "staff",
        "public_layers.staff",
        "wangge.staff",
        "wangge.incident",
        "current_layers.building",
    ):
        answer = town.client.get(f"/ogc/collections/{other}/items")
        assert answer.status_code == 404


@pytest.mark.parametrize("layer", sorted(FIELDS))
def test_the_site_gives_these_fields(site, layer) -> None:
    with (site / "data" / f"{layer}.csv").open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file))
    assert set(header) == FIELDS[layer]
    if layer != "staff":
        features = json.loads((site / "data" / f"{layer}.geojson").read_text("utf-8"))["features"]
        assert features
        assert set(features[0]["properties"]) == FIELDS[layer] - {"geometry"}


def test_no_secret_is_in_any_file_of_the_site(site) -> None:
    seen = 0
    for path in site.rglob("*"):
        if path.is_file() and "parts" not in path.parts:
            words = _words(path)
            assert not [secret for secret in SECRETS if secret in words], path.name
            seen += 1
    assert seen > 20
    assert "示例甲" in (site / "index.html").read_text("utf-8")  # and the test does see what is there


def _words(path: Path) -> str:
    if path.suffix == ".pdf":
        done = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, check=True)
        assert "0471-0000101" in done.stdout.decode()
        return done.stdout.decode()
    return path.read_bytes().decode("utf-8", errors="replace")


def test_no_secret_is_in_any_public_answer(town) -> None:
    code = f"{COMMUNITY}000001"
    ways = [
        "/", "/report", f"/map/{COMMUNITY}", f"/wrong/{code}", "/healthz", "/api/v1/communities",
        "/api/v1/incidents/kinds",
        "/api/v1/locate?lon=111.6035&lat=40.808&crs=cgcs2000", "/api/v1/addresses?q=光明小区",
        "/api/v1/addresses?q=不公开", "/api/v1/addresses?q=示例乙",
        *(f"/api/v1/layers/{layer}?division={COMMUNITY}" for layer in FIELDS),
        "/ogc/", "/ogc/api", "/ogc/collections",
        *(f"/ogc/collections/{layer}/items?limit=1000" for layer in OGC_LAYERS),
        *(f"/ogc/collections/{layer}/tiles/WebMercatorQuad/12/3317/1549" for layer in OGC_LAYERS),
        f"/ogc/collections/service_points/items/{code}",
    ]  # fmt: skip
    for way in ways:
        answer = town.client.get(way)
        assert answer.status_code in {200, 204}, way
        body = answer.content.decode("utf-8", errors="replace")
        assert not [secret for secret in SECRETS if secret in body], way


def test_a_place_is_read_at_its_edition_in_force(module_database, town) -> None:
    publish(module_database, 111.612, dt.datetime(2026, 6, 1, tzinfo=dt.UTC))
    publish(module_database, 111.613, dt.datetime(2100, 1, 1, tzinfo=dt.UTC))
    with module_database.connection() as connection:
        found = read_public_place(connection, COMMUNITY)
    assert found.edition.number == 3
    assert found.grids.geometry.iloc[0].bounds[2] == 111.612
    latest, _, first = found.changes
    assert (latest.number, latest.redrawn, latest.opened, latest.closed) == (
        3, (f"{COMMUNITY}001", f"{COMMUNITY}002"), (), (),
    )  # fmt: skip
    assert first.opened == tuple(f"{COMMUNITY}{serial}" for serial in ("001", "002", "801"))
    assert set(found.staff["person"]) == {"示例甲", "示例丙", "示例丁"}


def test_a_community_that_is_not_there_is_said_so(module_database, town) -> None:
    with module_database.connection() as connection, pytest.raises(NotFoundError, match="no community"):
        read_public_place(connection, "150103099902")
    with module_database.connection() as connection, pytest.raises(CodeError):
        read_public_place(connection, "15x")
