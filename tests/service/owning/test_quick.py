"""The quick way says word for word what the general way says, or nothing."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from gis.locate.kernels import COMPILED
from gis.service.api.json_response import as_json
from gis.service.owning.answers import answer_as_dict
from gis.service.owning.locating import locate
from gis.service.owning.questions import read_question
from gis.service.owning.quick import quick_locate
from tests.service.conftest import EAST, MIDDLE, NORTH, SOUTH, WEST, Town

pytestmark = [pytest.mark.database, pytest.mark.skipif(not COMPILED, reason="numba is absent: one way only")]


def general(town: Town, lon: float, lat: float, language: str) -> bytes:
    counties = town.app.state.service.current.in_force.counties
    question = read_question(lon, lat, "cgcs2000", in_force=counties.values())
    answer = locate(counties, question, town.settings)
    return as_json(answer_as_dict(answer, town.settings, language))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_wherever_it_answers_it_says_the_same(shared_town: Town, language: str) -> None:
    quick = quick_locate(shared_town.app.state.service.current.in_force, shared_town.settings)
    assert quick is not None
    rng = np.random.default_rng(7)
    x = rng.uniform(WEST - 0.001, EAST + 0.001, 250)
    y = rng.uniform(SOUTH - 0.001, NORTH + 0.001, 250)
    places = [WEST + 0.003, WEST + 0.0062, WEST + 0.0072, MIDDLE + 0.0022, MIDDLE + 1e-8, MIDDLE]
    points = [*zip(x.tolist(), y.tolist(), strict=True), *((place, SOUTH + 0.0021) for place in places)]
    answered = 0
    for lon, lat in points:
        body = quick.answer(lon, lat, "cgcs2000", language)
        if body is not None:
            answered += 1
            assert body == general(shared_town, lon, lat, language)
    inside = shapely.contains_xy(
        shapely.box(WEST, SOUTH, EAST, NORTH), [p[0] for p in points], [p[1] for p in points]
    )
    assert answered >= inside.sum() - 3


def test_the_door_and_the_route_give_one_answer(shared_town: Town) -> None:
    point = {"lon": WEST + 0.0062, "lat": SOUTH + 0.0021, "crs": "wgs84", "lang": "zh"}
    door = shared_town.client.get("/api/v1/locate", params=point)
    # The same question in another order is not plain, so the route answers it.
    route = shared_town.client.get("/api/v1/locate", params=dict(reversed(point.items())))
    assert door.json() == route.json()
    wanted = {
        name for name in route.headers if name not in {"date", "content-length", "vary", "content-encoding"}
    }
    assert wanted <= set(door.headers)
    assert "x-content-type-options" in door.headers


def test_what_is_not_plain_is_left_to_the_route(shared_town: Town) -> None:
    for query in (
        f"lon={MIDDLE}&lat={SOUTH + 0.005}&crs=wgs84",  # on a border
        f"lon={WEST - 1}&lat={SOUTH}&crs=wgs84",  # outside
        "lon=999&lat=40.8&crs=wgs84",
        "lon=0&lat=0&crs=wgs84",
        "lon=111.6&lat=40.8&crs=wgs84&lang=fr",
        "lon=111.6&lon=111.6&lat=40.8&crs=wgs84",
        "lon=nan&lat=40.8&crs=wgs84",
        "lon=111.6&lat=40.8&crs=gcj02",
        "",
    ):
        response = shared_town.client.get(f"/api/v1/locate?{query}")
        assert response.status_code in {200, 422}
        assert "layers" in response.json() or "error" in response.json()
