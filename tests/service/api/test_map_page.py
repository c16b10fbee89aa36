"""The residents' map over HTTP: made once, packed, marked, in the language that its reader chose."""

from __future__ import annotations

import gzip
import time

import brotli
import pytest
from sqlalchemy import text

from gis.errors import UnavailableError
from gis.service.api import map_page
from tests.service.conftest import COMMUNITY, STREET, Town

pytestmark = pytest.mark.database

MAP = f"/map/{COMMUNITY}"


def raw(town: Town, **headers: str):
    """Ask without unpacking; returns the answer and the bytes that came over the line."""
    with town.client.stream("GET", MAP, headers={"Accept-Encoding": "identity", **headers}) as answer:
        return answer, b"".join(answer.iter_raw())


def test_the_same_page_comes_in_three_codings_with_marks_of_their_own(shared_town: Town) -> None:
    plain, body = raw(shared_town)
    by_br, packed_br = raw(shared_town, **{"Accept-Encoding": "gzip, deflate, br"})
    by_gzip, packed_gzip = raw(shared_town, **{"Accept-Encoding": "gzip, br;q=0"})
    assert "content-encoding" not in plain.headers
    assert (by_br.headers["content-encoding"], by_gzip.headers["content-encoding"]) == ("br", "gzip")
    assert brotli.decompress(packed_br) == gzip.decompress(packed_gzip) == body
    assert len(packed_br) < len(packed_gzip) < len(body) / 2
    assert len({one.headers["etag"] for one in (plain, by_br, by_gzip)}) == 3
    assert "Accept-Encoding" in plain.headers["vary"]


@pytest.mark.parametrize("coding", ["identity", "gzip", "br"])
def test_who_has_it_is_told_so_whatever_form_they_have(shared_town: Town, coding: str) -> None:
    mark = raw(shared_town, **{"Accept-Encoding": coding})[0].headers["etag"]
    for named in (mark, f"W/{mark}", f'"another", {mark}'):
        again, body = raw(shared_town, **{"If-None-Match": named})
        assert (again.status_code, body) == (304, b"")
    assert raw(shared_town, **{"If-None-Match": '"another"'})[0].status_code == 200


def test_the_mark_names_the_edition_and_the_language(shared_town: Town) -> None:
    digest = shared_town.client.get("/healthz").json()["editions"][0]["digest"]
    chinese = raw(shared_town)[0].headers["etag"]
    english = raw(shared_town, Cookie="lang=en")[0].headers["etag"]
    assert chinese.startswith(f'"{digest[:8]}.')
    assert english.startswith(f'"{digest[:8]}.')
    assert chinese != english


def test_a_corrected_entry_is_on_the_map_a_second_later(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    before = town.client.get(MAP)
    with town.database.connection() as connection:
        connection.execute(text("UPDATE wangge.service_point SET phones = ARRAY['0471-7654321']"))
    assert "0471-7654321" not in before.text
    deadline = time.monotonic() + 5
    while "0471-7654321" not in (after := town.client.get(MAP)).text:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert after.headers["etag"] != before.headers["etag"]

    def away(*_: object) -> str:
        raise UnavailableError("the database does not answer", mend="try again shortly")

    monkeypatch.setattr(map_page, "FRESH_S", 0.0)
    monkeypatch.setattr(map_page, "place_stamp", away)
    assert town.client.get(MAP).headers["etag"] == after.headers["etag"]


@pytest.mark.parametrize("path", [MAP, "/", "/dispatch", "/planner", "/report"])
def test_every_page_is_chinese_unless_its_reader_chose_english(shared_town: Town, path: str) -> None:
    def language(**asked) -> str:
        shared_town.client.cookies.clear()
        page = shared_town.client.get(path, **asked).text
        return page.partition('<html lang="')[2].partition('"')[0]

    assert language() == "zh-CN"
    assert language(headers={"Accept-Language": "en-GB,en;q=0.9"}) == "zh-CN"
    assert language(params={"lang": "en"}) == "en"
    assert shared_town.client.cookies["lang"] == "en"
    assert language(headers={"Cookie": "lang=en"}) == "en"
    assert language(headers={"Cookie": "lang=en"}, params={"lang": "zh"}) == "zh-CN"
    shared_town.client.cookies.clear()


def test_a_place_that_is_not_a_community_is_said_so(shared_town: Town) -> None:
    assert shared_town.client.get(f"/map/{STREET}").status_code == 404
    assert shared_town.client.get("/map/12").status_code == 422
