"""What people write, and the places that they mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from gis.service.api.app import create_app
from gis.service.dispatch.address_words import likeness, plain, take_apart
from gis.service.dispatch.addresses import Place
from tests.service.conftest import COMMUNITY, SOUTH, WEST, Town, serving

TWO_OF_LIGHT = COMMUNITY + "00002"


@pytest.mark.parametrize(
    ("said", "name", "building"),
    [
        ("光明小區二号楼三单元", "光明小区", "2"),
        ("２號樓", "", "2"),
        ("内蒙古自治区呼和浩特市回民区 光明里 2栋501室", "光明里", "2"),
        ("光明小区12#", "光明小区", "12"),
        ("光明小区十二幢", "光明小区", "12"),
        ("光明小区2-3-501", "光明小区", "2"),
        ("光明小区 —２－５０１室", "光明小区", "2"),
        ("光明小区-12-1-1201", "光明小区", "12"),
        ("0471-123", "0471123", None),
        ("光明社区服务站", "光明社区服务站", None),
        ("老机械厂宿舍附近", "老机械厂宿舍", None),
    ],
)
def test_the_ways_of_writing_one_place_come_out_the_same(said: str, name: str, building: str | None) -> None:
    words = take_apart(said)
    assert (words.name, words.building) == (name, building)


def test_plain_words_stay_plain() -> None:
    for said in ("光明小区", "三里屯", "五一路", "a1号楼"):
        assert plain(plain(said)) == plain(said)
    assert plain("三里屯") == "三里屯"


def test_likeness_is_a_likeness() -> None:
    assert likeness("光明小区", "光明小区") == 1
    assert likeness("光明", "光明小区") > likeness("光华小区", "光明小区") > likeness("和平里", "光明小区")
    assert likeness("", "光明小区") == 0


@pytest.mark.database
@pytest.mark.parametrize(
    "said",
    [
        "光明小区2号楼",
        "光明小區二號樓",
        "光明里2栋",
        "老机械厂宿舍２幢",
        "回民区光明小区2号楼3单元501",
        "光明小区2-3-501",
    ],
)
def test_a_building_is_found_by_every_name_of_its_compound(shared_town: Town, said: str) -> None:
    found = shared_town.client.get("/api/v1/addresses", params={"q": said}).json()
    best = found["places"][0]
    assert (best["kind"], best["code"], best["shown"]) == ("building", TWO_OF_LIGHT, "光明小区2号楼")
    assert best["lon"] == pytest.approx(WEST + 0.00725, abs=0.0003)
    assert best["lat"] == pytest.approx(SOUTH + 0.0021, abs=0.0002)
    assert 20 < best["radius_m"] < 80
    assert found["needs"] is None


@pytest.mark.database
def test_a_number_alone_asks_for_its_compound(shared_town: Town) -> None:
    found = shared_town.client.get("/api/v1/addresses", params={"q": "2号楼"}).json()
    assert found["needs"] == "compound"
    assert {place["shown"] for place in found["places"]} == {"光明小区2号楼", "和平小区2号楼"}
    assert shared_town.client.post("/api/v1/addresses", json={"q": "2号楼"}).json() == found


@pytest.mark.database
def test_a_building_that_is_not_there_gives_its_compound(shared_town: Town) -> None:
    best = shared_town.client.get("/api/v1/addresses", params={"q": "光明小区9号楼"}).json()["places"][0]
    assert (best["kind"], best["shown"]) == ("compound", "光明小区")
    assert best["score"] < 0.8


@pytest.mark.database
def test_streets_and_service_points_are_places_too(shared_town: Town) -> None:
    for said, kind in [
        ("示例卫生站", "service_point"),
        ("示例路12号", "service_point"),
        ("示例路", "street"),
    ]:
        best = shared_town.client.get("/api/v1/addresses", params={"q": said}).json()["places"][0]
        assert best["kind"] == kind, said


@pytest.mark.database
@pytest.mark.parametrize(
    "said", ["%", "_", "'; DROP TABLE wangge.place_name; --", "\\", "<script>", "\u0000x", "火星"]
)
def test_nonsense_finds_nothing_and_breaks_nothing(shared_town: Town, said: str) -> None:
    response = shared_town.client.get("/api/v1/addresses", params={"q": said})
    assert response.status_code in {200, 422}
    if response.status_code == 200:
        assert response.json()["places"] == []


@pytest.mark.database
def test_a_hooked_geocoder_is_asked_only_where_the_layers_know_nothing(
    shared_town: Town, tmp_path: Path
) -> None:
    asked: list[str] = []

    def outside(address: str) -> Sequence[Place]:
        asked.append(address)
        return [Place("outside", "elsewhere-1", "人民公园", WEST + 0.001, SOUTH + 0.001, 50.0, 0.8)]

    settings = shared_town.settings.model_copy(update={"data_dir": tmp_path})
    app = create_app(settings, database=shared_town.database, geocoder=outside)
    with serving(app) as address, httpx.Client(base_url=address, timeout=30) as client:
        known = client.post("/api/v1/addresses", json={"q": "光明小区2号楼"}).json()["places"]
        assert {place["kind"] for place in known} <= {"building", "compound"}
        assert asked == []
        found = client.post("/api/v1/addresses", json={"q": "人民公园东门"}).json()["places"]
    assert asked == ["人民公园东门"]
    assert (found[-1]["kind"], found[-1]["shown"], found[-1]["radius_m"]) == ("outside", "人民公园", 50.0)
