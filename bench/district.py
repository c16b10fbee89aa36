"""Measure proposals for a district, community by community in processes: ``python -m bench.district``.

The made-up district's 35 communities are cut into units and written into one file; then parts of that file,
and the whole of it, are proposed for as ``wangge propose --community`` does it, each time in a fresh process
whose peak memory is read at its end. Writes a table into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from bench._report import write_between
from gis.demo.district import make_district
from gis.service.plans.plan_land import CommunityLand
from gis.service.plans.plan_starting import cut_units
from gis.service.plans.proposing_district import propose_district_file

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run it."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--communities", default="9,18,35", help="how many, one run for each")
    asked.add_argument("--seconds", type=float, default=5.0, help="budget of each community")
    asked.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked.add_argument("--dry", action="store_true", help="print only")
    asked.add_argument("--run", nargs=2, metavar=("UNITS", "OUT"), help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.run:
        print(json.dumps(run(*map(Path, given.run), given.seconds, given.processes)))
        return
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-district-") as folder:
        sizes = [int(number) for number in given.communities.split(",")]
        # In a process of its own, or its memory would be counted with the first run's.
        maker = multiprocessing.get_context("spawn").Process(target=make_units_files, args=(folder, sizes))
        maker.start()
        maker.join()
        if maker.exitcode:
            raise SystemExit("the district could not be cut into units")
        for size in sizes:
            units, out = Path(folder) / f"{size}.parquet", Path(folder) / f"{size}.geojson"
            words = ["--seconds", str(given.seconds), "--processes", str(given.processes)]
            done = subprocess.run(
                [sys.executable, "-m", "bench.district", *words, "--run", str(units), str(out)],
                check=True,
                capture_output=True,
                text=True,
                cwd=ROOT,
            )
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            print(rows[-1], flush=True)
    words = table(rows, given.seconds, given.processes)
    print(words)
    if not given.dry:
        write_between(words, "bench-district", "A district")


def make_units_files(folder: str, sizes: list[int]) -> None:
    """Cut the first communities of the made-up district into units, and write a file for each size."""
    place = make_district()
    divisions = place["divisions"]
    codes = sorted(divisions.loc[divisions["level"] == "community", "division_code"])[: max(sizes)]
    parts = []
    for code in codes:
        here = {
            name: place[name][place[name]["community_code"] == code]
            for name in ("buildings", "compounds", "streets", "grids")
        }
        land = CommunityLand(
            divisions[divisions["division_code"] == code],
            here["buildings"],
            here["compounds"],
            here["streets"],
        )
        cut = cut_units(land, here["grids"])[["unit_id", "compound_code", "households", "geometry"]]
        parts.append(cut.assign(community=code))
        print(f"{code}: {len(cut)} units", flush=True)
    for size in sizes:
        whole = gpd.GeoDataFrame(pd.concat(parts[:size], ignore_index=True), crs=4490)
        whole.to_parquet(Path(folder) / f"{size}.parquet")


def run(units: Path, out: Path, seconds: float, processes: int) -> dict[str, Any]:
    """Propose for every community of a file; what it took, and what came of it."""
    frame = gpd.read_parquet(units, columns=["community", "households", "geometry"])
    facts = {
        "communities": int(frame["community"].nunique()),
        "units": len(frame),
        "households": int(frame["households"].sum()),
    }
    del frame
    began = time.perf_counter()
    done = propose_district_file(
        units,
        out,
        community="community",
        unit_id="unit_id",
        processes=processes,
        goal="compact",
        seconds=seconds,
    )
    kept = [one.kept for one in done.answers if one.kept is not None]
    return facts | {
        "seconds": round(time.perf_counter() - began, 1),
        "planned": len(kept),
        "feasible": sum(one["feasible"] for one in kept),
        "grids": sum(one["grids"] for one in kept),
        "in_range": sum(int(one["plans"][0]["metrics"]["in_range"]) for one in kept),
        "asking_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6),
        "searching_mb": round(max(one.peak_mb for one in done.answers)),
        "failed": [str(one.error) for one in done.answers if one.error is not None],
    }


def table(rows: list[dict[str, Any]], seconds: float, processes: int) -> str:
    """Write the figures as Markdown."""
    head = (
        f"Made-up district, `wangge propose --community`, {seconds:g} s for each community, "
        f"{processes} processes on {os.cpu_count()} cores, no present grids.\n\n"
        "| communities | units | households | planned | every rule kept | grids | in 300–500 | seconds "
        "| peak of the asking process, MB | peak of a searching process, MB |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n"
    )
    keys = ("communities", "units", "households", "planned", "feasible", "grids", "in_range", "seconds")
    return head + "\n".join(
        "| " + " | ".join(f"{row[key]:,}" for key in (*keys, "asking_mb", "searching_mb")) + " |"
        for row in rows
    )


if __name__ == "__main__":
    main()
