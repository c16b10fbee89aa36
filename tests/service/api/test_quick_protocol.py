"""The short way of plain questions: byte for byte what the long way sends, and nothing else is touched."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from gis.locate.kernels import COMPILED
from gis.service.api.quick_protocol import QuickProtocol
from tests.service.conftest import SOUTH, WEST, Town

pytestmark = [pytest.mark.database, pytest.mark.skipif(not COMPILED, reason="numba is absent: one way only")]

PLAIN = f"/api/v1/locate?lon={WEST + 0.0062:.7f}&lat={SOUTH + 0.0021:.7f}&crs=wgs84"


@pytest.fixture(scope="module")
def port(shared_town: Town) -> Iterator[int]:
    """The town's own app, served with our protocol."""
    config = uvicorn.Config(
        shared_town.app, port=0, http=QuickProtocol, log_config=None, access_log=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was answered the short way."""
    found: list[bytes] = []
    whole = QuickProtocol._answered

    def counted(self, door, data):
        answer = whole(self, door, data)
        if answer is not None:
            found.append(answer)
        return answer

    monkeypatch.setattr(QuickProtocol, "_answered", counted)
    return found


def request(
    path: str = PLAIN, *headers: str, method: str = "GET", version: str = "1.1", body: str = ""
) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: here", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def talk(port: int, *pieces: bytes, answers: int = 1) -> list[tuple[bytes, bytes]]:
    """Send pieces one after another, and read that many answers: (head, body) of each."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        for piece in pieces:
            line.sendall(piece)
            time.sleep(0.05)
        found, got = [], b""
        while len(found) < answers:
            while b"\r\n\r\n" not in got:
                got += line.recv(65536)
            head, _, got = got.partition(b"\r\n\r\n")
            length = int(re.search(rb"content-length: (\d+)", head.lower())[1])
            while len(got) < length:
                got += line.recv(65536)
            found.append((head, got[:length]))
            got = got[length:]
        assert got == b""
        return found


def lines(head: bytes) -> list[bytes]:
    return [line for line in head.split(b"\r\n") if not line.startswith(b"date:")]


def test_the_short_way_sends_what_the_long_way_sends(port: int, short: list[bytes]) -> None:
    for more in ((), ("Accept-Language: en",), ("Connection: keep-alive", "Accept: */*")):
        short.clear()
        (quick,) = talk(port, request(PLAIN, *more))
        assert len(short) == 1
        whole = request(PLAIN, *more)
        (slow,) = talk(port, whole[:30], whole[30:])
        assert len(short) == 1, "a request in pieces takes the long way"
        assert quick[1] == slow[1]
        assert sorted(lines(quick[0])) == sorted(lines(slow[0]))
    assert json.loads(quick[1])["status"] == "inside"


@pytest.mark.parametrize(
    "sent",
    [
        request(PLAIN, "Connection: close"),
        request(PLAIN, "connection : close"),
        request(PLAIN, "Content-Length: 0"),
        request(PLAIN, "Transfer-Encoding: chunked", body="0\r\n\r\n"),
        request(PLAIN, version="1.0"),
        request(PLAIN, method="HEAD"),
        request(PLAIN + "&accuracy_m=30"),
        request(PLAIN.replace("wgs84", "gcj02")),
        request(PLAIN.replace("lon=1", "lon=%31")),
        request(PLAIN + "#part"),
        b" " + request(PLAIN),
        request(PLAIN, "Bad\x01Name: x"),
    ],
)
def test_whatever_is_not_plain_takes_the_long_way(port: int, short: list[bytes], sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(sent)
        assert re.match(rb"HTTP/1.1 (200|4\d\d) ", line.recv(65536))
    assert not short


def test_two_ways_on_one_connection(port: int, short: list[bytes]) -> None:
    plain, other = request(), request(PLAIN + "&accuracy_m=30")
    body = json.dumps({"lon": WEST + 0.0062, "lat": SOUTH + 0.0021, "crs": "wgs84"})
    post = request(
        "/api/v1/locate",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        method="POST",
        body=body,
    )
    found = talk(port, plain, other, plain, post, plain, answers=5)
    assert len(short) == 3
    assert all(head.startswith(b"HTTP/1.1 200") for head, _ in found)
    assert found[0][1] == found[2][1] == found[4][1]


def test_several_requests_in_one_piece_are_answered_in_their_order(port: int, short: list[bytes]) -> None:
    away = request(PLAIN.replace("crs=wgs84", "crs=cgcs2000"))
    found = talk(port, request() + away + request(), answers=3)
    assert not short
    assert [json.loads(body)["point"]["given"]["crs"] for _, body in found] == ["wgs84", "cgcs2000", "wgs84"]


def test_a_connection_that_says_nothing_more_is_closed(port: int, shared_town: Town) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(request())
        line.recv(65536)
        assert line.recv(65536) == b"", "uvicorn's own limit, five seconds"
