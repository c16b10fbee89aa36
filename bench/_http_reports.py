"""Reports at full rate, each sent until it is answered and some of them twice: what is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_SENT_TWICE = 10
"""Every tenth report is sent again with its key, as a client does that did not hear the answer."""


_REPORTED = re.compile(rb'event: reported\n(?:[0-9a-f]+\r\n)?data: [^\n]*"incident_number":"([^"]+)"')


@dataclass(frozen=True)
class Flood:
    """What came of a flood of reports.

    Attributes
    ----------
    reports
        Different reports.
    requests
        Requests sent.
    seconds
        From the first to the last answer.
    p50_ms, p99_ms
        Of one request.
    feed_p50_ms, feed_p99_ms
        From sending a report to hearing of it on the feed.
    listeners
        Listeners to the feed.
    unheard
        Reports that a listener did not hear of, summed over all.
    """

    reports: int
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    feed_p50_ms: float
    feed_p99_ms: float
    listeners: int
    unheard: int


async def flood(
    address: str, token: str, points: Points, *, reports: int, connections: int, listeners: int
) -> Flood:
    """Send reports as fast as they are answered, while others listen.

    Parameters
    ----------
    address
        Of the service.
    token
        A dispatcher's.
    points
        Positions, shape (n, 2), CGCS2000.
    reports
        How many different ones.
    connections
        At once.
    listeners
        To the feed.

    Returns
    -------
    Flood
        The figures.
    """
    todo = iter(range(reports))
    took: list[float] = []
    sent_at: dict[str, float] = {}
    heard: list[dict[str, float]] = [{} for _ in range(listeners)]
    ready = [asyncio.Event() for _ in range(listeners)]
    ears = [asyncio.create_task(_listen(address, token, heard[at], ready[at])) for at in range(listeners)]
    await asyncio.gather(*(event.wait() for event in ready))

    async def client() -> int:
        reader, writer = await _connect(address)
        count = 0
        for at in todo:
            key = str(uuid.uuid4())
            for _ in range(2 if at % _SENT_TWICE == 0 else 1):
                begun = time.perf_counter()
                number = await _report(reader, writer, token, key, points[at % len(points)])
                took.append(time.perf_counter() - begun)
                sent_at.setdefault(number, begun)
                count += 1
        writer.close()
        return count

    begun = time.perf_counter()
    requests = sum(await asyncio.gather(*(client() for _ in range(connections))))
    seconds = time.perf_counter() - begun
    for _ in range(200):
        if all(len(one) >= len(sent_at) for one in heard):
            break
        await asyncio.sleep(0.1)
    for ear in ears:
        ear.cancel()
    delays = np.array([one[number] - sent_at[number] for one in heard for number in one if number in sent_at])
    unheard = sum(len(set(sent_at) - set(one)) for one in heard)
    p50, p99 = np.percentile(np.array(took) * 1e3, [50, 99])
    feed_p50, feed_p99 = np.percentile(delays * 1e3, [50, 99]) if len(delays) else (np.nan, np.nan)
    return Flood(
        reports,
        requests,
        seconds,
        float(p50),
        float(p99),
        float(feed_p50),
        float(feed_p99),
        listeners,
        unheard,
    )


async def _connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(address)
    return await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 22)


async def _report(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str, key: str, point: Any
) -> str:
    body = json.dumps(
        {
            "category": "noise",
            "source": "hotline",
            "text": "bench",
            "lon": float(point[0]),
            "lat": float(point[1]),
            "crs": "cgcs2000",
        }
    ).encode()
    head = (
        f"POST /api/v1/incidents HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        f"Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(
        int(line[15:]) for line in answer.lower().splitlines() if line.startswith("content-length:")
    )
    content = json.loads(await reader.readexactly(length))
    assert answer.split(" ")[1] in {"200", "201"}, content
    return str(content["incident_number"])


async def _listen(address: str, token: str, heard: dict[str, float], ready: asyncio.Event) -> None:
    reader, writer = await _connect(address)
    writer.write(
        f"GET /api/v1/feed HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    waiting = b""
    # Whole events at a time: a listener that reads line by line would be what is measured.
    while piece := await reader.read(1 << 16):
        whole, ends, waiting = (waiting + piece).rpartition(b"\n\n")
        if ends:
            ready.set()
        now = time.perf_counter()
        for number in _REPORTED.findall(whole):
            heard.setdefault(number.decode(), now)
