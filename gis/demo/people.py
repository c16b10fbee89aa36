"""Who works in the grids: one leader, one full-time worker, several part-time, one police officer each."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from gis.codes import community_of
from gis.demo.samples import ordinal, sample_phone
from gis.terms import GridType, StaffRole

_TITLES = {
    StaffRole.LEADER: "示例网格长",
    StaffRole.FULL_TIME: "示例网格员",
    StaffRole.PART_TIME: "示例兼职员",
    StaffRole.POLICE: "示例民警",
}
STAFF_COLUMNS = (
    "staff_code",
    "person",
    "role",
    "grid_code",
    "division_code",
    "valid_from",
    "valid_to",
    "public_phone",
)


def make_staff(
    grids: pd.DataFrame,
    divisions: pd.DataFrame,
    *,
    area: str,
    since: date,
    part_time: tuple[int, int],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Staff every grid, and every division with a leader.

    Parameters
    ----------
    grids
        Frame of all grids, of every type.
    divisions
        Frame of all divisions.
    area
        Trunk prefix and area code of the telephone numbers.
    since
        Since when they have served.
    part_time
        Fewest and most part-time workers of a basic grid.
    rng
        For how many part-time workers each has.

    Returns
    -------
    pandas.DataFrame
        The staff frame. Basic grids have all four roles, exclusive ones a leader and a full-time worker,
        micro ones a leader.
    """
    rows: list[tuple[StaffRole, str, str | None, str | None, bool]] = []
    for level, name, code in zip(
        divisions["level"], divisions["name"], divisions["division_code"], strict=True
    ):
        if level != "county":
            rows.append((StaffRole.LEADER, f"{name}负责人", None, code, True))
    seen: dict[str, int] = {}
    for code, kind in zip(grids["grid_code"], grids["grid_type"], strict=True):
        community = community_of(code)
        sign = ordinal(seen.setdefault(community, 0))
        seen[community] += 1
        rows.append((StaffRole.LEADER, f"{_TITLES[StaffRole.LEADER]}{sign}", code, None, True))
        if kind == GridType.MICRO:
            continue
        rows.append((StaffRole.FULL_TIME, f"{_TITLES[StaffRole.FULL_TIME]}{sign}", code, None, True))
        if kind == GridType.BASIC:
            several = int(rng.integers(part_time[0], part_time[1] + 1))
            rows += [
                (StaffRole.PART_TIME, f"{_TITLES[StaffRole.PART_TIME]}{sign}{n}号", code, None, False)
                for n in range(1, several + 1)
            ]
            rows.append((StaffRole.POLICE, f"{_TITLES[StaffRole.POLICE]}{sign}", code, None, True))
    county = str(grids["grid_code"].iloc[0])[:6]
    records = [
        (
            f"{county}W{n:05d}",
            person,
            str(role),
            grid,
            division,
            since,
            None,
            sample_phone(area, n) if open_ else None,
        )
        for n, (role, person, grid, division, open_) in enumerate(rows, start=1)
    ]
    return pd.DataFrame.from_records(records, columns=list(STAFF_COLUMNS))
