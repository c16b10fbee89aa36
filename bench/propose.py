"""Measure the proposals on Aberdeen's units beside other tools: ``python -m bench.propose``.

Writes a table and maps into docs/benchmarks.md. What is said about a plan is proved from the polygons alone:
dissolved with shapely, parts counted, lengths and areas in EPSG:32630.
"""

from __future__ import annotations

import argparse
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from gis.planning.propose import Problem, problem_from_arrays, problem_from_units, propose, warm_up

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "aberdeen"
REPORT = ROOT / "docs" / "benchmarks.md"
FIGURES = ROOT / "docs" / "figures"
BEGIN, END = "<!-- bench-propose:begin -->", "<!-- bench-propose:end -->"


def prove(flat: np.ndarray, households: np.ndarray, label: np.ndarray) -> dict[str, float]:
    """Measure a plan from its polygons, in metres; a unit in no grid counts as a fault of its own."""
    order = np.argsort(label, kind="stable")
    order = order[label[order] >= 0]
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    groups = np.split(order, starts[1:])
    lands = np.array([shapely.union_all(flat[group]) for group in groups])
    sizes = np.array([households[group].sum() for group in groups])
    # Islets of a unit that touch nothing cannot be joined by any plan.
    parts = np.array([shapely.get_num_geometries(land) for land in lands])
    loose = np.array([sum(ISLETS.get(int(unit), 0) for unit in group) for group in groups])
    outline = shapely.length(shapely.union_all(flat))
    around = shapely.length(lands)
    return {
        "grids": len(groups),
        "in_range": int(((sizes >= 300) & (sizes <= 500)).sum()),
        "smallest": int(sizes.min()),
        "largest": int(sizes.max()),
        "parts": int((parts - loose > 1).sum()),
        "compact": float((4 * np.pi * shapely.area(lands) / around**2).mean()),
        "border": float((around.sum() + outline) / 2000),
        "half": float(around.sum() / 2000),
        "inner": float((around.sum() - outline) / 2000),
    }


ISLETS: dict[int, int] = {}


def find_islets(flat: np.ndarray) -> None:
    """Count the parts of each unit that touch no other land, but never its last part."""
    parts, owner = shapely.get_parts(flat, return_index=True)
    one, other = shapely.STRtree(parts).query(parts, predicate="intersects")
    alone = np.bincount(one[one != other], minlength=len(parts)) == 0
    for unit in np.unique(owner[alone]):
        ISLETS[int(unit)] = min(int(alone[owner == unit].sum()), int((owner == unit).sum()) - 1)


def run_peer(tool: str, case: dict[str, Any], seconds: float) -> tuple[np.ndarray | None, float]:
    """Run another tool in a process of its own, and stop it at the limit."""
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "case.pickle", Path(folder) / "labels.npy"
        given.write_bytes(pickle.dumps(case))
        began = time.perf_counter()
        try:
            subprocess.run(
                [sys.executable, "-P", str(Path(__file__).with_name("_propose_peers.py")), tool, given, out],
                timeout=seconds,
                check=True,
                capture_output=True,
            )
        except subprocess.TimeoutExpired:
            pass
        except subprocess.CalledProcessError as error:
            print(f"{tool}: {error.stderr.decode()[-300:]}")
        spent = time.perf_counter() - began
        return (np.load(out) if out.exists() else None), spent


def official(flat: np.ndarray, points: gpd.GeoSeries) -> np.ndarray:
    """Put each unit into the official zone that its centre of population lies in."""
    zones = gpd.read_file(DATA / "aberdeen_dz.geojson").geometry.make_valid().to_numpy()
    unit, zone = shapely.STRtree(zones).query(points.to_numpy(), predicate="intersects")
    label = np.full(len(flat), -1)
    label[unit] = zone
    return label


def neighbourhood(problem: Problem, seed: int, n: int) -> Problem:
    """Cut ``n`` units that hang together out of the city, as a community with those blocks would be."""
    from scipy.sparse.csgraph import breadth_first_order

    graph = problem.adjacency
    start = int(np.random.default_rng(seed).integers(graph.unit_count))
    units = np.sort(breadth_first_order(graph.csr(), start, directed=False)[0][:n])
    place = np.full(graph.unit_count, -1)
    place[units] = np.arange(n)
    kept = (place[graph.i] >= 0) & (place[graph.j] >= 0)
    i, j, length = place[graph.i[kept]], place[graph.j[kept]], graph.shared_length_m[kept]
    inside = np.bincount(i, length, n) + np.bincount(j, length, n)
    return problem_from_arrays(
        i,
        j,
        length,
        households=problem.households[units],
        area_m2=graph.area_m2[units],
        outer_m=graph.perimeter_m[units] - inside,
    )


def row(name: str, proof: dict[str, float] | None, seconds: float, note: str = "") -> str:
    """Write one line of the table."""
    if proof is None:
        return f"| {name} | no plan | | | | | | | {seconds:.0f} | {note} |"
    sizes = f"{proof['smallest']:.0f}–{proof['largest']:.0f}"
    return (
        f"| {name} | {proof['grids']:.0f} | {proof['in_range']:.0f} | {sizes} "
        f"| {proof['parts']:.0f} | {proof['compact']:.3f} | {proof['border']:.1f} | {proof['half']:.1f} "
        f"| {seconds:.0f} | {note} |"
    )


def draw(flat: np.ndarray, label: np.ndarray, title: str, name: str) -> str:
    """Draw a plan; return the line of the document that shows it."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    FIGURES.mkdir(parents=True, exist_ok=True)
    colours = np.random.default_rng(4).permutation(int(label.max()) + 2) % 12
    frame = gpd.GeoDataFrame({"colour": colours[label]}, geometry=flat)
    figure, axes = plt.subplots(figsize=(8, 8))
    frame.plot(ax=axes, column="colour", cmap="Set3", linewidth=0)
    lands = gpd.GeoSeries([shapely.union_all(flat[label == grid]) for grid in np.unique(label)])
    lands.boundary.plot(ax=axes, color="#333", linewidth=0.5)
    axes.set_title(title)
    axes.set_axis_off()
    figure.savefig(FIGURES / f"{name}.png", dpi=110, bbox_inches="tight")
    plt.close(figure)
    return f"![{title}](figures/{name}.png)"


def certificates(problem: Problem, seconds: float, clock: float) -> list[str]:
    """Propose for neighbourhoods of the city and tabulate what was proved."""
    lines = [
        "",
        "| Units | Households | Grids | Cost (km) | Bound (km) | Gap | Seconds |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for n, seed in ((60, 1), (100, 2), (150, 1), (150, 3)):
        part = neighbourhood(problem, seed, n)
        answer = propose(part, goal="compact", seconds=seconds, clock_seconds=clock, seed=1)
        proved = [plan for plan in answer.plans if plan.metrics.get("gap") is not None]
        if not proved:
            lines.append(f"| {n} | {part.households.sum()} | | | | none | {answer.seconds:.0f} |")
            continue
        best = min(proved, key=lambda plan: plan.metrics["gap"])
        figures = best.metrics
        lines.append(
            f"| {n} | {part.households.sum()} | {figures['grids']} | {figures['cost_m'] / 1000:.2f} "
            f"| {figures['bound_m'] / 1000:.2f} | {100 * figures['gap']:.2f} % | {answer.seconds:.0f} |"
        )
    return lines


def repair(problem: Problem, label: np.ndarray, seconds: float, clock: float) -> list[str]:
    """Let some units grow, and compare least change with a fresh plan."""
    generator = np.random.default_rng(5)
    grown = np.where(
        generator.random(len(label)) < 0.15,
        np.rint(problem.households * generator.uniform(1.1, 1.5, len(label))),
        problem.households,
    ).astype(np.int64)
    number = np.unique(label, return_inverse=True)[1].astype(np.int64)
    after = Problem(
        unit_ids=problem.unit_ids,
        households=grown,
        adjacency=problem.adjacency,
        current=number,
        grid_codes=tuple(str(grid) for grid in range(int(number.max()) + 1)),
    )
    sizes = np.bincount(number, grown)
    broken = int(((sizes < 300) | (sizes > 500)).sum())
    lines = [
        "",
        f"After 15 % of the units grew by 10 to 50 %, {broken} of {len(sizes)} grids are out of range:",
        "",
        "| Plan | In range | Households moved | Seconds |",
        "|---|--:|--:|--:|",
    ]
    for goal in ("minimal-change", "compact"):
        answer = propose(after, goal=goal, seconds=seconds, clock_seconds=clock, seed=1)
        figures = answer.best.metrics
        share = figures["households_moved"] / grown.sum()
        lines.append(
            f"| {goal} | {figures['in_range']} of {figures['grids']} | {figures['households_moved']:.0f} "
            f"({100 * share:.2f} %) | {answer.seconds:.0f} |"
        )
    return lines


def main() -> None:  # noqa: PLR0915 - one run from top to bottom
    """Run everything and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="budget of the proposal for the city")
    parser.add_argument("--clock", type=float, default=None, help="stop by the clock; the budget if left out")
    parser.add_argument("--peers", type=float, default=120.0, help="limit for each other tool")
    parser.add_argument("--only", choices=["city", "small", "repair", "peers"], action="append")
    options = parser.parse_args()
    wanted = set(options.only or ["city", "small", "repair", "peers"])
    units = gpd.read_file(DATA / "aberdeen_oa.geojson").rename(
        columns={"code": "unit_id", "HHcount": "households"}
    )
    flat = units.to_crs(32630).geometry.to_numpy()
    households = units["households"].to_numpy(dtype=np.int64)
    points = gpd.GeoSeries(
        gpd.points_from_xy(units["easting"].astype(float), units["northing"].astype(float)), crs=27700
    ).to_crs(4326)
    find_islets(flat)
    problem = problem_from_units(units)
    graph = problem.adjacency
    began = time.perf_counter()
    warm_up()
    print(f"compiled or read from the cache in {time.perf_counter() - began:.1f} s")

    lines = [
        (
            "| Plan | Grids | In range | Households | In parts | Mean Polsby–Popper | Border (km) "
            "| Half the perimeters (km) | Seconds | |"
        ),
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    zones = official(flat, points)
    lines.append(row("Official zones", prove(flat, households, zones), 0.0))
    maps = [draw(flat, zones, "Official zones", "aberdeen_official")]
    first: list[float] = []
    began = time.perf_counter()

    def look(step: Any) -> None:
        if step.best is not None and step.best.feasible and not first:
            first.append(time.perf_counter() - began)

    answer = propose(
        problem,
        goal="compact",
        seconds=options.seconds,
        clock_seconds=options.clock,
        seed=1,
        progress=look,
    )
    note = f"first plan that keeps every rule after {first[0]:.1f} s" if first else "no plan keeps every rule"
    if not answer.complete:
        note += "; stopped by the clock"
    for place, plan in enumerate(answer.plans):
        name = f"**Wangge**, {plan.variant}"
        proof = prove(flat, households, plan.labels)
        lines.append(row(name, proof, answer.seconds, note if place == 0 else "same run"))
        print(lines[-1], flush=True)
    maps.append(draw(flat, answer.best.labels, "Wangge", "aberdeen_wangge"))
    if "peers" in wanted:
        centre = shapely.centroid(flat)
        case = {
            "n": len(flat),
            "i": graph.i,
            "j": graph.j,
            "length": graph.shared_length_m,
            "households": households,
            "x": shapely.get_x(centre),
            "y": shapely.get_y(centre),
        }
        peers = (
            ("metis", "METIS k-way alone, best of 60"),
            ("maxp", "spopt MaxP"),
            ("skater", "spopt Skater"),
            ("recursive_tree", "gerrychain recursive tree"),
            ("bursts", "gerrychain short bursts"),
        )
        for tool, name in peers:
            label, spent = run_peer(tool, case, options.peers)
            if tool == "metis" and label is not None:
                case["start"] = label
            proof = (
                None if label is None else prove(flat, households, np.unique(label, return_inverse=True)[1])
            )
            ended = "stopped at the limit" if spent >= options.peers else ""
            lines.append(row(name, proof, spent, ended))
            print(lines[-1], flush=True)
    if "small" in wanted:
        lines += certificates(problem, 30.0, options.clock or 30.0)
    if "repair" in wanted:
        lines += repair(
            problem, answer.best.labels, options.seconds / 2, options.clock or options.seconds / 2
        )
    write([*lines, "", *maps])


def write(lines: list[str]) -> None:
    """Put the lines between the markers of the report."""
    text = REPORT.read_text(encoding="utf-8") if REPORT.exists() else "# Benchmarks\n"
    if BEGIN not in text:
        text += f"\n## Proposals\n\n{BEGIN}\n{END}\n"
    head, rest = text.split(BEGIN, maxsplit=1)
    tail = rest.split(END, maxsplit=1)[1]
    REPORT.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{tail}", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
