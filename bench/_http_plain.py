"""The plain way, to be measured beside ours: FastAPI, asyncpg and ST_Covers, as a good engineer writes it.

It names the grid that covers a point and nothing else: no staff, no margin, no edition, no words.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import FastAPI, Request

QUERY = """
    SELECT grid_code, grid_type FROM wangge.grid_boundary
    WHERE upper_inf(valid) AND grid_type = 'basic'
      AND ST_Covers(geometry, ST_SetSRID(ST_MakePoint($1, $2), 4490))
    ORDER BY grid_code LIMIT 1
"""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open a pool of connections, each with the query prepared at its first use."""
    async with asyncpg.create_pool(os.environ["WANGGE_DATABASE_URL"], min_size=8, max_size=16) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/api/v1/locate")
async def locate(request: Request, lon: float, lat: float) -> dict[str, Any]:
    """Name the grid that covers a point."""
    row = await request.app.state.pool.fetchrow(QUERY, lon, lat)
    return {"grid_code": row["grid_code"] if row else None, "grid_type": row["grid_type"] if row else None}
