"""A photo with the word that an entry is wrong: kept clean, for staff alone, its position only offered."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text

from tests.service.conftest import COMMUNITY

pytestmark = pytest.mark.database

POINT = f"{COMMUNITY}000001"
WAY = f"/api/v1/service-points/{POINT}/wrong/snapshot"
GPS = {1: "N", 2: (40.0, 48.0, 30.0), 3: "E", 4: (111.0, 36.0, 18.0)}


def picture() -> bytes:
    made = Image.new("RGB", (64, 48), "#c33")
    exif = Image.Exif()
    exif[0x010F] = "a maker of phones"
    exif.get_ifd(0x8825).update(GPS)
    out = io.BytesIO()
    made.save(out, "JPEG", exif=exif)
    return out.getvalue()


def send(town, photo: bytes | None = None, key: str | None = None, **said: Any):
    files = {"photo": ("door.jpg", photo, "image/jpeg")} if photo is not None else None
    headers = {"Idempotency-Key": key} if key else {}
    return town.client.post(WAY, data={"what": "moved", **said}, files=files, headers=headers)


def kept(town) -> list[Any]:
    folder = town.settings.data_dir / "photos"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def test_the_photo_is_kept_without_its_data_and_its_position_is_offered(town) -> None:
    answer = send(town, picture(), words="搬到对面了")
    assert answer.status_code == 201
    offered = answer.json()["photo_position"]
    assert offered == {"lon": pytest.approx(111.605), "lat": pytest.approx(40.8083333), "crs": "wgs84"}
    (file,) = kept(town)
    assert b"a maker of phones" not in file.read_bytes()
    with Image.open(file) as clean:
        assert not clean.getexif()
    number = answer.json()["incident_number"]
    with town.database.connection() as connection:
        said = connection.execute(
            text("SELECT text FROM wangge.incident WHERE incident_number = :number"), {"number": number}
        ).scalar_one()
    assert said == f"服务点信息有误：示例卫生站（{POINT}）。位置不对，搬到对面了"
    way = f"/api/v1/incidents/{number}/photo"
    assert town.client.get(way).status_code == 401
    shown = town.client.get(way, headers=town.as_("dispatcher"))
    assert shown.content == file.read_bytes()


def test_a_position_that_is_agreed_to_is_told_and_the_incident_stays_at_the_entry(town) -> None:
    answer = send(town, picture(), lon=111.605, lat=40.8083333).json()
    assert "photo_position" not in answer
    assert answer["grid_code"] == f"{COMMUNITY}001"
    with town.database.connection() as connection:
        said, where = connection.execute(text("SELECT text, ST_AsText(geometry) FROM wangge.incident")).one()
    assert said.endswith("位置不对，照片位置：经度 111.605000，纬度 40.808333（WGS84）")
    assert where == "POINT(111.603 40.808)"


def test_without_a_photo_and_twice_with_one_key(town) -> None:
    assert send(town).status_code == 201
    assert kept(town) == []
    key = "0f8fad5b-d9cb-469f-a165-70867728950e"
    first, again = (send(town, picture(), key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert len(kept(town)) == 1


def test_what_is_refused_leaves_no_photo_behind(town) -> None:
    assert send(town, b"no picture at all").status_code == 422
    assert send(town, picture(), what="nonsense").status_code == 422
    hidden = f"/api/v1/service-points/{COMMUNITY}000002/wrong/snapshot"
    files = {"photo": ("door.jpg", picture(), "image/jpeg")}
    assert town.client.post(hidden, data={"what": "closed"}, files=files).status_code == 404
    assert kept(town) == []


def test_the_page_is_there_for_what_residents_are_shown(town) -> None:
    page = town.client.get(f"/wrong/{POINT}")
    assert "示例卫生站" in page.text
    assert f'data-point="{POINT}"' in page.text
    assert town.client.get(f"/wrong/{COMMUNITY}000002").status_code == 404
