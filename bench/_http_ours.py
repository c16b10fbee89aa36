"""Our service as `wangge serve` runs it, with workers: python -m bench._http_ours PORT WORKERS."""

from __future__ import annotations

import sys

import uvicorn

if __name__ == "__main__":
    uvicorn.run(
        "gis.service.api.app:served",
        factory=True,
        port=int(sys.argv[1]),
        workers=int(sys.argv[2]),
        loop="uvloop",
        http="gis.service.api.quick_protocol:QuickProtocol",
        access_log=False,
        log_level="warning",
    )
