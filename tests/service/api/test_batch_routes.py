"""POST /api/v1/locate/batch: a row for every row, in three formats, and clear words for what is none."""

from __future__ import annotations

import csv
import gzip
import io
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from gis.layers.coordinates import Extent
from gis.layers.point_stream import PointBatch
from gis.service.api.state import Service
from gis.service.owning import batches
from gis.service.owning.assigning import find_owners
from gis.service.owning.owners import Owners
from tests.service.conftest import COMMUNITY, MIDDLE, SOUTH, WEST, Town

pytestmark = pytest.mark.database

ONE, TWO = COMMUNITY + "001", COMMUNITY + "002"
ROWS = [
    ("a", WEST + 0.006, SOUTH + 0.006, ONE, "inside"),
    ("b", MIDDLE, SOUTH + 0.005, TWO, "edge"),
    ("c", WEST - 0.001, SOUTH + 0.005, "", "outside"),
    ("620503000000001", MIDDLE + 0.002, SOUTH + 0.002, TWO, "inside"),
]
ARROW = "application/vnd.apache.arrow.stream"


def send(town: Town, body: bytes | str, kind: str, crs: str | None = "cgcs2000") -> httpx.Response:
    params = {} if crs is None else {"crs": crs}
    return town.client.post(
        "/api/v1/locate/batch", params=params, content=body, headers={"Content-Type": kind}
    )


def stream(table: pa.Table, chunk: int = 3) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=chunk)
    return sink.getvalue()


def test_csv(shared_town: Town) -> None:
    body = "key,lon,lat,note\r\n" + "".join(f'{key},{x},{y},"say ""hi"""\r\n' for key, x, y, _, _ in ROWS)
    body += "bad,east,1,\r\nnone,,,\r\n"
    response = send(shared_town, body, "text/csv; charset=utf-8")
    assert response.status_code == 200, response.text
    lines = response.text.splitlines()
    assert lines[0] == "key,lon,lat,note,grid,status,nearest,distance_m,margin_m,edition,reason"
    assert len(lines) == 7
    for line, (key, _, _, grid, status) in zip(lines[1:], ROWS, strict=False):
        cells = line.replace('"say ""hi"""', "hi").split(",")
        assert (cells[0], cells[4], cells[5]) == (key, grid, status)
    assert "not a number" in lines[5]
    assert "invalid" in lines[6]


def test_ndjson(shared_town: Town) -> None:
    lines = [json.dumps({"key": key, "lon": x, "lat": str(y)}) for key, x, y, _, _ in ROWS]
    body = "\n".join([*lines, "{broken", '{"lon": null, "lat": 1, "key": "n"}', "[1]"]) + "\n"
    response = send(shared_town, body, "application/x-ndjson")
    assert response.status_code == 200, response.text
    answers = [json.loads(line) for line in response.text.splitlines()]
    assert [one.get("grid") or "" for one in answers[:4]] == [row[3] for row in ROWS]
    assert [one["status"] for one in answers[4:]] == ["invalid"] * 3
    assert answers[4]["line"] == "{broken"


def test_a_row_of_nothing_but_commas_is_a_row_all_the_same(shared_town: Town) -> None:
    body = f"\n,,\nkey,lon,lat\na,{WEST + 0.006},{SOUTH + 0.006}\n,,\n\nb,,\n,,\n"
    response = send(shared_town, body, "text/csv")
    assert response.status_code == 200, response.text
    rows = list(csv.reader(io.StringIO(response.text.removeprefix("\ufeff"))))
    assert [row[0] for row in rows] == ["key", "a", "", "b", ""]
    assert [row[4] for row in rows[1:]] == ["inside", "invalid", "invalid", "invalid"]


def test_arrow(shared_town: Town) -> None:
    table = pa.table(
        {"key": [row[0] for row in ROWS], "lon": [row[1] for row in ROWS], "lat": [row[2] for row in ROWS]}
    )
    response = send(shared_town, stream(table), ARROW)
    assert response.status_code == 200, response.text
    answer = pa.ipc.open_stream(response.content).read_all()
    assert answer.select(["key", "lon", "lat"]).equals(table)
    assert [value or "" for value in answer["grid"].to_pylist()] == [row[3] for row in ROWS]
    assert answer["distance_m"].to_pylist()[2] == pytest.approx(84.4, abs=0.5)


def test_a_field_of_our_name_is_kept_as_it_came(shared_town: Town) -> None:
    x, y = WEST + 0.006, SOUTH + 0.006
    lines = [json.dumps({"lon": x, "lat": y}), json.dumps({"lon": x, "lat": y, "grid": "mine"})]
    answers = send(shared_town, "\n".join(lines), "application/x-ndjson").text.splitlines()
    first, second = map(json.loads, answers)
    assert (first["grid_wangge"], first["status"]) == (ONE, "inside")
    assert (second["grid_wangge"], second["grid"]) == (ONE, "mine")
    many = "\n".join([lines[0]] * 20_000 + [lines[1]])
    last = json.loads(send(shared_town, many, "application/x-ndjson").text.splitlines()[-1])
    assert (last["grid_wangge"], last["grid"]) == (ONE, "mine")
    table = pa.table({"grid": ["mine"], "lon": [x], "lat": [y]})
    found = pa.ipc.open_stream(send(shared_town, stream(table), ARROW).content).read_all()
    assert (found["grid"].to_pylist(), found["grid_wangge"].to_pylist()) == (["mine"], [ONE])


@pytest.mark.parametrize("form", ["csv", "ndjson", "arrow"])
def test_an_answer_is_worked_out_as_it_is_taken(
    shared_town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    rows = 120_000
    x, y = WEST + 0.006, SOUTH + 0.006
    body = tmp_path / f"body.{form}"
    if form == "csv":
        sent = b"lon,lat\n" + b"%.9f,%.9f\n" % (x, y) * rows
    elif form == "ndjson":
        sent = b'{"lon":%.9f,"lat":%.9f}\n' % (x, y) * rows
    else:
        sent = stream(pa.table({"lon": [x] * rows, "lat": [y] * rows}), rows)
    body.write_bytes(sent)
    looked_up: list[int] = []

    def watched(owners: Owners, batch: PointBatch, extent: Extent) -> dict[str, Any]:
        looked_up.append(len(batch.lon))
        return find_owners(owners, batch, extent)

    monkeypatch.setattr(batches, "find_owners", watched)
    service: Service = shared_town.app.state.service
    owners = batches.owners_in_force(service.current.in_force.counties)
    batch = batches.Batch(form, body, "cgcs2000")
    pieces = batches.answer_batch(batch, owners, row_limit=rows).pieces
    assert not looked_up
    rest = [next(pieces), next(pieces)]
    assert 0 < sum(looked_up) < rows
    rest += pieces
    assert sum(looked_up) == rows
    whole = b"".join(rest)
    if form == "arrow":
        assert pa.ipc.open_stream(whole).read_all()["grid"].to_pylist() == [ONE] * rows
    else:
        assert whole.count(ONE.encode()) == 2 * rows
        assert whole.count(b"\n") == rows + (form == "csv")


def test_line_ends_within_quotes_are_no_rows(town: Town) -> None:
    object.__setattr__(town.settings, "batch_row_limit", 3)
    body = "lon,lat,note\n" + '111.6,40.8,"one\ntwo\nthree"\n' * 3
    response = send(town, body, "text/csv")
    assert response.status_code == 200, response.text
    assert response.text.count("three") == 3


def test_what_is_no_batch_is_said_to_be_none(shared_town: Town) -> None:
    whole = stream(pa.table({"lon": [1.0] * 1000, "lat": [2.0] * 1000}))
    for body, kind, crs, words in [
        (b"", "text/csv", "wgs84", "empty"),
        (b"lon,lat\n1,2\n", "text/csv", None, "never guessed"),
        (b"lon,lat\n1,2\n", "text/csv", "mars", "not a datum"),
        (b"lon,lat\n1,2\n", "application/pdf", "wgs84", "no format"),
        (b"a,b\n1,2\n", "text/csv", "wgs84", "longitude"),
        (b"a" + b",a" * 9_999 + b"\n", "text/csv", "wgs84", "columns"),
        (whole[: len(whole) // 2], ARROW, "wgs84", "cut short"),
        (b"nonsense", ARROW, "wgs84", "damaged"),
        (b'{"a": 1}\n', "application/x-ndjson", "wgs84", "longitude"),
        (b'[{"lon": 1, "lat": 2}]', "application/x-ndjson", "wgs84", "an object in each line"),
        (b"lon,lat,lon\n1,2,3\n", "text/csv", "wgs84", "(lon_field)"),
        (b"a" + b";a" * 9_999 + b"\n", "text/csv", "wgs84", "columns"),
        ("经度,纬度\n1,2\n".encode("gbk"), "text/csv; charset=utf-8", "wgs84", "not utf-8 text"),
        (b"lon,lat\n1,2\n", "text/csv; charset=klingon", "wgs84", "klingon"),
    ]:
        response = send(shared_town, body, kind, crs)
        assert response.status_code == 422, (body[:20], response.text[:200])
        assert words in json.dumps(response.json()), response.text
        assert "body.csv" not in response.text
        assert "--" not in response.json()["error"]["mend"]


def test_a_batch_with_too_many_rows_is_refused_with_what_to_do_instead(town: Town) -> None:
    object.__setattr__(town.settings, "batch_row_limit", 10)
    for body, kind in [
        ("lon,lat\n" + "111.6,40.8\n" * 11, "text/csv"),
        ('{"lon": 111.6, "lat": 40.8}\n' * 11, "application/x-ndjson"),
        (stream(pa.table({"lon": [111.6] * 11, "lat": [40.8] * 11})), ARROW),
    ]:
        response = send(town, body, kind)
        assert response.status_code == 413
        assert "wangge assign" in response.json()["error"]["mend"]


def test_empty_lines_without_end_are_refused_before_they_are_counted(town: Town) -> None:
    object.__setattr__(town.settings, "batch_row_limit", 10)
    response = send(town, b"lon,lat\n" + b"\n" * 1000, "text/csv")
    assert response.status_code == 413


def test_the_encoding_is_the_senders_and_the_answer_names_it(shared_town: Town) -> None:
    for codec, charset, sent, name in [
        ("gbk", "gb18030", "", "名称"),
        ("gbk", "gb18030", "; charset=GBK", "名称"),
        ("big5", "big5", '; charset="big5"', "名稱"),
        ("utf-8-sig", "utf-8", "", "名称"),
        ("utf-16", "utf-16-le", "", "名称"),
    ]:
        text = f"{name},lon,lat\n光明,{WEST + 0.006},{SOUTH + 0.006}\n"
        response = send(shared_town, text.encode(codec), "text/csv" + sent)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == f"text/csv; charset={charset}"
        lines = response.content.decode(charset).removeprefix("\ufeff").splitlines()
        assert lines[0].startswith(f"{name},lon,lat,grid")
        assert lines[1].startswith("光明,")
        assert f",{ONE},inside," in lines[1]


def test_coordinate_columns_can_be_named(shared_town: Town) -> None:
    x, y = WEST + 0.006, SOUTH + 0.006
    for body, kind in [
        (f"x,y,here,there\n1,2,{x},{y}\n", "text/csv"),
        (json.dumps({"x": 1, "y": 2, "here": x, "there": y}), "application/x-ndjson"),
        (stream(pa.table({"x": [1.0], "y": [2.0], "here": [x], "there": [y]})), ARROW),
    ]:
        response = shared_town.client.post(
            "/api/v1/locate/batch?crs=cgcs2000&lon_field=here&lat_field=there",
            content=body,
            headers={"Content-Type": kind},
        )
        assert response.status_code == 200, response.text
        assert ONE.encode() in response.content


def test_a_coordinate_that_is_no_number_spoils_its_own_row_only(shared_town: Town) -> None:
    good = json.dumps({"lon": WEST + 0.006, "lat": SOUTH + 0.006})
    wrong = ["[1,2]", "[]", '{"a":1}', "true", "1e400", '"nan"', '"inf"', '"1_11.6"', "null"]
    sent = [good, *(f'{{"lon":{value},"lat":40.8}}' for value in wrong), '{"lon":NaN,"lat":1}', "[1]", good]
    response = send(shared_town, "\ufeff" + "\n".join(sent), "application/x-ndjson")
    assert response.status_code == 200, response.text
    answers = [json.loads(line) for line in response.text.splitlines()]
    assert [one["status"] for one in answers] == ["inside", *["invalid"] * 11, "inside"]
    assert answers[1]["reason"] == "the longitude '[1,2]' is not a number"
    assert "NaN" in answers[10]["reason"]
    assert "no JSON object" in answers[11]["reason"]


def test_an_ndjson_row_comes_back_as_it_stood(shared_town: Town) -> None:
    row = '{"id":123456789012345678901234567890, "v":1.10,"v":2, "lon":1,"lat":2 }'
    response = send(shared_town, row + "\r\n{}\n", "application/x-ndjson")
    first, second = response.text.splitlines()
    assert first.startswith(row[:-1] + ',"grid":null')
    assert second.startswith('{"grid":null')
    assert json.loads(first)["id"] == 123456789012345678901234567890


def test_an_arrow_stream_that_would_do_harm_is_refused(shared_town: Town) -> None:
    """Each of these ended the process, or filled its memory, when its values were simply read."""
    table = pa.table({"key": ["abc", "defg"] * 500, "lon": ["111.6"] * 1000, "lat": [40.8] * 1000})
    broken = bytearray(stream(table, 1000))
    at = broken.find((7).to_bytes(4, "little") + (10).to_bytes(4, "little"))
    broken[at : at + 4] = b"\xff\xff\xff\x7f"
    packed = io.BytesIO()
    with pa.ipc.new_stream(
        packed, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as writer:
        writer.write_table(table)
    views = pa.table({"key": pa.array(["a"], pa.string_view()), "lon": [1.0], "lat": [2.0]})
    nested = pa.table({"lon": [[1.0, 2.0], [3.0, 4.0]], "lat": [1.0, 2.0]})
    between = stream(table, 500)
    for body, words in [
        (bytes(broken), "damaged"),
        (packed.getvalue(), "compressed"),
        (stream(views), "no views"),
        (stream(nested), "no number"),
        (between[:-8], "end mark"),
        (between[: between.rfind(b"\xff\xff\xff\xff", 0, -8)], "end mark"),
    ]:
        response = send(shared_town, body, ARROW)
        assert response.status_code == 422, words
        assert words in response.text
    assert shared_town.client.get("/healthz").status_code == 200


def test_arrow_numbers_of_any_kind_are_coordinates(shared_town: Town) -> None:
    x, y = [WEST + 0.006, None], [SOUTH + 0.006, None]
    for kind in (pa.float64(), pa.string(), pa.large_string(), pa.decimal128(12, 7)):
        columns = [pa.array([None if v is None else str(v)[:10] for v in one]).cast(kind) for one in (x, y)]
        table = pa.table({"lon": columns[0], "lat": columns[1]})
        found = pa.ipc.open_stream(send(shared_town, stream(table), ARROW).content).read_all()
        assert found["grid"].to_pylist() == [ONE, None], kind
    coded = pa.table({"lon": pa.array(x).dictionary_encode(), "lat": pa.array(y)})
    found = pa.ipc.open_stream(send(shared_town, stream(coded), ARROW).content).read_all()
    assert found["grid"].to_pylist() == [ONE, None]


def test_a_packed_body_is_told_apart(shared_town: Town) -> None:
    response = shared_town.client.post(
        "/api/v1/locate/batch?crs=wgs84",
        content=gzip.compress(b"lon,lat\n1,2\n"),
        headers={"Content-Type": "text/csv", "Content-Encoding": "gzip"},
    )
    assert response.status_code == 422
    assert response.json()["error"]["where"] == "Content-Encoding"


def test_more_batches_at_once_than_allowed_are_told_to_wait(town: Town) -> None:
    most = town.settings.batches_at_once
    sockets = []
    for _ in range(most):
        # Each sends the head of a batch and then nothing.
        host, port = town.address.removeprefix("http://").split(":")
        sockets.append(socket.create_connection((host, int(port))))
        sockets[-1].sendall(
            b"POST /api/v1/locate/batch?crs=wgs84 HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
            b"Content-Length: 100\r\n\r\nlon,lat\n"
        )
    wait_until(lambda: send(town, "lon,lat\n", "text/csv").status_code == 429)
    refused = send(town, "lon,lat\n", "text/csv")
    assert int(refused.headers["retry-after"]) > 0
    assert "answered" in refused.json()["error"]["mend"]
    for one in sockets:
        one.close()
    wait_until(lambda: send(town, "lon,lat\n1,2\n", "text/csv").status_code == 200)


def wait_until(what: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
