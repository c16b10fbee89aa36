"""A PMTiles set of one's own under the service map: read in ranges from its own server, and drawn."""

from __future__ import annotations

import http.server
import math
import struct
import threading
from collections.abc import Iterator

import pytest

from maps.basemaps import basemap
from maps.service_map import service_map
from tests.e2e.waiting import wait_until
from tests.maps import sample

pytestmark = pytest.mark.browser

DEEP = 15


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _tile() -> bytes:
    """A vector tile whose layer ``water`` is one square over all of it."""

    def zigzag(*values: int) -> bytes:
        return b"".join(_varint(value << 1 if value >= 0 else -value * 2 - 1) for value in values)

    square = _varint(9) + zigzag(0, 0) + _varint(26) + zigzag(4096, 0, 0, 4096, -4096, 0) + _varint(15)
    feature = _varint(3 << 3) + _varint(3) + _field(4, square)
    layer = (
        _field(1, b"water")
        + _field(2, feature)
        + _varint(5 << 3)
        + _varint(4096)
        + _varint(15 << 3)
        + _varint(2)
    )
    return _field(3, layer)


def _tile_id(z: int, x: int, y: int) -> int:
    """Number a tile along Hilbert's curve, as the PMTiles specification does."""
    first, at = (4**z - 1) // 3, 0
    side = 1 << (z - 1)
    while side:
        rx, ry = int(x & side > 0), int(y & side > 0)
        at += side * side * ((3 * rx) ^ ry)
        if not ry:
            if rx:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        side >>= 1
    return first + at


def _archive(tiles: dict[int, bytes]) -> bytes:
    ids = sorted(tiles)
    steps = [one - before for one, before in zip(ids, [0, *ids], strict=False)]
    sizes = [len(tiles[one]) for one in ids]
    columns = [steps, [1] * len(ids), sizes, [1, *[0] * (len(ids) - 1)]]
    root = _varint(len(ids)) + b"".join(_varint(value) for column in columns for value in column)
    metadata, data = b"{}", b"".join(tiles[one] for one in ids)
    at = 127
    places = []
    for part in (root, metadata, b"", data):
        places += [at, len(part)]
        at += len(part)
    header = b"PMTiles\x03" + struct.pack("<11Q", *places, len(ids), len(ids), len(ids))
    header += struct.pack("<6B", 1, 1, 1, 1, 0, DEEP)
    header += struct.pack("<4iB2i", -1800000000, -850000000, 1800000000, 850000000, DEEP, 0, 0)
    return header + root + metadata + data


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, bytes], list[str]]]:
    files: dict[str, bytes] = {}
    ranges: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, wanted = files[self.path], self.headers.get("Range")
            self.send_response(206 if wanted else 200)
            if wanted:
                ranges.append(wanted)
                start, end = (int(one) for one in wanted.removeprefix("bytes=").split("-"))
                total, body = len(body), body[start : end + 1]
                self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{total}")
            kind = "text/html" if self.path == "/" else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/", files, ranges
        running.shutdown()
        thread.join()


def test_tiles_are_read_in_ranges_and_drawn(guarded_page, server):
    address, files, ranges = server
    side = 1 << DEEP
    x = int((sample.WEST + 180) / 360 * side)
    y = int((0.5 - math.asinh(math.tan(math.radians(sample.SOUTH))) / (2 * math.pi)) * side)
    places = [(x + dx, y + dy) for dx in range(-3, 6) for dy in range(-4, 4)]
    files["/city.pmtiles"] = _archive({_tile_id(DEEP, *place): _tile() for place in places})
    made = basemap("pmtiles", address="/city.pmtiles", attribution="示例底图")
    files["/"] = service_map(sample.grids(), basemap=made).html().encode()
    with guarded_page(allow=address, viewport={"width": 1000, "height": 700}) as page:
        page.goto(address)
        wait_until(page, "Boolean(window.WanggeMap?.app?.pointsLayer?.view)")
        blue = """() => [...document.querySelectorAll("canvas.leaflet-tile")].some((tile) => {
          const middle = [tile.width / 2, tile.height / 2, 1, 1];
          const [red, green, blue] = tile.getContext("2d").getImageData(...middle).data;
          return blue > red + 15;
        })"""
        wait_until(page, blue)
        assert "示例底图" in page.locator(".wg-credit").inner_text()
    assert any(one.startswith("bytes=0-") for one in ranges)
    assert len(ranges) >= 2
