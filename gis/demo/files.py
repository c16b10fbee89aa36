"""Write a made-up place to a folder: GeoJSON and CSV, one object a line, the same bytes every time."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

MADE_UP = (
    "虚构的演示数据，不对应任何真实的社区、网格、人员或电话。 "
    "Made-up demonstration data: no real community, grid, person or telephone number."
)


def write_folder(frames: Mapping[str, pd.DataFrame], folder: Path, *, command: str) -> list[Path]:
    """Write every frame, and a README that says what they are.

    Parameters
    ----------
    frames
        Name of the layer → frame. Those with a geometry become ``NAME.geojson`` (RFC 7946, longitude and
        latitude, 8 decimals at most, one feature a line), the others ``NAME.csv`` (UTF-8).
    folder
        Made where it is not there; files of these names in it are replaced, when all are written.
    command
        The command that makes these files again, for the README.

    Returns
    -------
    list of pathlib.Path
        What was written.
    """
    texts = {
        f"{name}.{'geojson' if isinstance(frame, gpd.GeoDataFrame) else 'csv'}": (
            as_geojson(name, frame) if isinstance(frame, gpd.GeoDataFrame) else as_csv(frame)
        )
        for name, frame in frames.items()
    }
    counts = "\n".join(
        f"| `{file}` | {len(frame)} |" for file, frame in zip(texts, frames.values(), strict=True)
    )
    texts["README.md"] = _README.format(command=command, counts=counts)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".demo-", dir=folder) as draft:
        for file, text in texts.items():
            (Path(draft) / file).write_text(text, encoding="utf-8", newline="\n")
        for file in texts:
            (Path(draft) / file).replace(folder / file)
    return [folder / file for file in texts]


def as_geojson(name: str, frame: gpd.GeoDataFrame) -> str:
    """Write a layer as GeoJSON text.

    Parameters
    ----------
    name
        The layer's name, kept in the collection.
    frame
        A frame with geometry on the lattice.

    Returns
    -------
    str
        One feature a line. Lists are joined with ``;``, dates are ISO 8601, what is missing is null.
    """
    columns = [column for column in frame.columns if column != "geometry"]
    lines = []
    for values, shape in zip(
        frame[columns].itertuples(index=False, name=None), frame.geometry.to_numpy(), strict=True
    ):
        feature = {
            "type": "Feature",
            "properties": {key: _plain(value) for key, value in zip(columns, values, strict=True)},
            "geometry": None if shape is None else shapely.geometry.mapping(shape),
        }
        lines.append(json.dumps(feature, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    head = json.dumps({"type": "FeatureCollection", "name": name, "description": MADE_UP}, ensure_ascii=False)
    body = ",\n".join(lines)
    return f'{head[:-1]}, "features": [\n{body}\n]}}\n'


def as_csv(frame: pd.DataFrame) -> str:
    """Write a frame without geometry as CSV text.

    Parameters
    ----------
    frame
        Any.

    Returns
    -------
    str
        Header and rows; what is missing is empty. Positions have 8 decimals at most.
    """
    plain = pd.DataFrame(
        {column: [_plain(value) for value in frame[column]] for column in frame}, dtype=object
    )
    return str(plain.to_csv(index=False, lineterminator="\n"))


def _plain(value: Any) -> Any:
    """Turn a cell into what JSON and CSV can hold."""
    if isinstance(value, list):
        return ";".join(value)
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value


_README = """\
# 演示数据（虚构） · Demonstration data (made up)

**本文件夹中的所有数据均为虚构**：街道、河流、小区、楼栋、网格、服务点、人员、电话和事件都由程序生成，
不对应任何真实的地点、单位或个人。位置放在真实城市的坐标范围内，仅为了演示地图；区划代码使用样例号段
（街道 091–099、社区 901 起），名称带“示例”字样，本地电话号码以 0 开头，任何人都无法拨通。
户数等总数取自公开报道中一个真实地方的规模。

**Everything in this folder is made up**: streets, river, compounds, buildings, grids, service points,
people, telephone numbers and incidents come from a program and stand for no real place, body or person.
They lie at the coordinates of a real city only so that a map shows something. Division codes use a sample
range (streets 091–099, communities from 901), names say 示例 (sample), and the local telephone numbers begin
with 0, which no number in China does. Only the totals are those that a published report gives for a real
place.

| 文件 file | 行数 rows |
|---|---|
{counts}

- 重新生成，逐字节一致 · Made again, byte for byte, with: `{command}`
- 坐标 · Coordinates: CGCS2000 (EPSG:4490)，经度、纬度 · longitude, latitude. RFC 7946 names WGS 84, which
  is the same to far less than a metre. `incidents.csv` 每行自带坐标系 · each row names its own datum in
  `crs` (cgcs2000, wgs84, gcj02, bd09).
- 列表用 `;` 分隔 · Lists are joined with `;`.
- 许可 · Licence: Apache-2.0，与程序相同 · like the program. Do not edit by hand: change `gis/demo`, run it.
"""
