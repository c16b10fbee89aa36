"""Routes of plans: drafts, their edits, proposals, and what comes in and goes out as a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import BaseModel, Field
from starlette.responses import Response

from gis.errors import InputError
from gis.service.api import plan_ends
from gis.service.api.json_response import JsonResponse
from gis.service.api.state import TheActor, TheService
from gis.service.plans import plan_acts, plan_comparing, plan_exchange, plan_starting, plan_view, redrawing
from gis.service.plans.plan_steps import Outcome
from gis.service.plans.proposal_runner import runner_of

router = APIRouter(prefix="/api/v1", tags=["plans"], default_response_class=JsonResponse)
router.include_router(plan_ends.router)

_FILES = {".gpkg", ".geojson", ".json", ".zip", ".parquet", ".csv", ".xlsx"}


class NewPlan(BaseModel):
    """A plan to start."""

    name: str = Field(description="What to call it", examples=["春季调整"])
    from_plan: int | None = Field(None, description="Branch from this plan; else from the edition in force")


class Edit(BaseModel):
    """An edit names the version of the plan that it saw."""

    version: int = Field(
        description="An older one than the plan's is refused with 409 and what changed since"
    )


class Move(Edit):
    """Units to move."""

    units: list[str] = Field(description="Ids of units", min_length=1, max_length=200_000)
    label: str | None = Field(None, description="The grid; null makes a new one")


class Split(Edit):
    """A grid to split along a line."""

    label: str = Field(description="The grid")
    line: list[tuple[float, float]] = Field(description="Longitude and latitude, CGCS2000", min_length=2)
    cut: bool = Field(default=False, description="Cut the units that it crosses, and leave them in it")


class Merge(Edit):
    """Grids to merge."""

    labels: list[str] = Field(description="The grids", min_length=1)
    into: str | None = Field(None, description="The one whose code stays; the largest unless given")


class GridFacts(Edit):
    """What a grid is; what is missing stays."""

    name: str | None = Field(None, description="Empty clears it")
    grid_type: str | None = Field(None, description="basic or exclusive")
    colour_theme: str | None = Field(None, description="Empty clears it")
    staff: list[str] | None = Field(None, description="Appointments that it is to have")
    locked: bool | None = Field(None, description="Keep its units as they are")
    renumber: bool | None = Field(None, description="Give it the next free serial")


class PlanFacts(Edit):
    """What a plan is; one of them."""

    name: str | None = None
    state: str | None = Field(None, description="draft, review or abandoned")


class Words(BaseModel):
    """A comment."""

    words: str
    lon: float | None = Field(None, ge=-180, le=180)
    lat: float | None = Field(None, ge=-90, le=90)


@router.get("/communities/{community_code}/plans", summary="A community's plans")
def plans(service: TheService, actor: TheActor, community_code: str) -> JsonResponse:
    """List them, the latest first."""
    with service.database.connection() as connection:
        return JsonResponse({"plans": plan_view.list_plans(connection, actor, community_code)})


@router.post("/communities/{community_code}/plans", status_code=201, summary="Start a plan")
def start(service: TheService, actor: TheActor, community_code: str, wanted: NewPlan) -> JsonResponse:
    """Start one from the edition in force, or branch it from another plan."""
    with service.database.connection() as connection:
        if wanted.from_plan is None:
            draft = plan_starting.start_plan(connection, actor, community_code, wanted.name)
        else:
            draft = plan_starting.branch_plan(connection, actor, wanted.from_plan, wanted.name)
        return JsonResponse({"plan": draft.row.as_dict()}, status_code=201)


@router.get("/plans/{plan_id}", summary="A plan with everything that is drawn of it")
def plan(service: TheService, actor: TheActor, plan_id: int) -> JsonResponse:
    """Show units, grids, totals, violations, comments and the log; coordinates in whole lattice steps."""
    # Whoever opens a plan may ask for proposals next, and a search takes its seconds to load.
    runner_of(service.database).wake()
    with service.database.connection() as connection:
        return JsonResponse(plan_view.show_plan(connection, actor, plan_id))


@router.get("/plans/{plan_id}/state", summary="How a plan stands, without geometry")
def state(service: TheService, actor: TheActor, plan_id: int) -> JsonResponse:
    """Show version, labels, totals and violations."""
    with service.database.connection() as connection:
        return JsonResponse(plan_view.show_state(connection, actor, plan_id))


@router.patch("/plans/{plan_id}", summary="Rename a plan, hand it in, give it up")
def change_plan(service: TheService, actor: TheActor, plan_id: int, wanted: PlanFacts) -> JsonResponse:
    """Set the name or the state."""
    with service.database.connection() as connection:
        if (wanted.name is None) == (wanted.state is None):
            raise InputError("give either a name or a state", where="body")
        if wanted.name is not None:
            done = plan_acts.rename_plan(connection, actor, plan_id, wanted.version, wanted.name)
        else:
            done = plan_acts.set_state(connection, actor, plan_id, wanted.version, str(wanted.state))
        return _answer(done)


@router.post("/plans/{plan_id}/move", summary="Move units into a grid")
def move(service: TheService, actor: TheActor, plan_id: int, wanted: Move) -> JsonResponse:
    """Answer the new totals, and the violations made and cured."""
    with service.database.connection() as connection:
        return _answer(
            redrawing.move_units(connection, actor, plan_id, wanted.version, wanted.units, wanted.label)
        )


@router.post("/plans/{plan_id}/split", summary="Split a grid along a line")
def split(service: TheService, actor: TheActor, plan_id: int, wanted: Split) -> JsonResponse:
    """Split by whole units, or cut the units themselves; never a building."""
    with service.database.connection() as connection:
        return _answer(
            redrawing.split_grid(
                connection, actor, plan_id, wanted.version, wanted.label, wanted.line, cut=wanted.cut
            )
        )


@router.post("/plans/{plan_id}/merge", summary="Merge grids")
def merge(service: TheService, actor: TheActor, plan_id: int, wanted: Merge) -> JsonResponse:
    """Merge grids into one of them."""
    with service.database.connection() as connection:
        return _answer(
            redrawing.merge_grids(connection, actor, plan_id, wanted.version, wanted.labels, wanted.into)
        )


@router.patch("/plans/{plan_id}/grids/{label}", summary="Set what a grid is")
def change_grid(
    service: TheService, actor: TheActor, plan_id: int, label: str, wanted: GridFacts
) -> JsonResponse:
    """Set name, type and theme; or staff; or the lock; or renumber it."""
    facts = wanted.model_dump(exclude_unset=True, exclude={"version"}, exclude_none=True)
    with service.database.connection() as connection:
        return _answer(redrawing.set_grid(connection, actor, plan_id, wanted.version, label, facts))


@router.post("/plans/{plan_id}/undo", summary="Take the last step back")
def undo(service: TheService, actor: TheActor, plan_id: int, wanted: Edit) -> JsonResponse:
    """Write a step that takes the last one back."""
    with service.database.connection() as connection:
        return _answer(redrawing.undo(connection, actor, plan_id, wanted.version))


@router.post("/plans/{plan_id}/redo", summary="Make the undone step again")
def redo(service: TheService, actor: TheActor, plan_id: int, wanted: Edit) -> JsonResponse:
    """Write a step that makes the undone one again."""
    with service.database.connection() as connection:
        return _answer(redrawing.redo(connection, actor, plan_id, wanted.version))


@router.get("/plans/{plan_id}/comments", summary="What was said of a plan")
def comments(service: TheService, actor: TheActor, plan_id: int) -> JsonResponse:
    """List the comments."""
    with service.database.connection() as connection:
        return JsonResponse({"comments": plan_view.list_comments(connection, actor, plan_id)})


@router.post("/plans/{plan_id}/comments", status_code=201, summary="Comment on a plan")
def say(service: TheService, actor: TheActor, plan_id: int, wanted: Words) -> JsonResponse:
    """Add a comment, at a place if one is given."""
    with service.database.connection() as connection:
        said = plan_acts.say(connection, actor, plan_id, wanted.words, lon=wanted.lon, lat=wanted.lat)
        return JsonResponse(said, status_code=201)


@router.get("/plans/{plan_id}/steps", summary="A plan's log")
def steps(
    service: TheService, actor: TheActor, plan_id: int, after: Annotated[int, Query(ge=0)] = 0
) -> JsonResponse:
    """List the steps past a version."""
    with service.database.connection() as connection:
        return JsonResponse({"steps": plan_view.list_steps(connection, actor, plan_id, after=after)})


@router.get("/plans/{plan_id}/compare", summary="What a plan changes")
def compare(
    service: TheService,
    actor: TheActor,
    plan_id: int,
    with_plan: Annotated[int | None, Query(description="Another plan of the community")] = None,
    with_edition: Annotated[int | None, Query(description="Number of an edition")] = None,
) -> JsonResponse:
    """Compare it with its base edition, another edition, or another plan."""
    with service.database.connection() as connection:
        _, found = plan_comparing.compare(
            connection, actor, plan_id, with_plan=with_plan, with_edition=with_edition
        )
        return JsonResponse(found.as_dict() | {"moved": found.moved.to_geo_dict()})


@router.get("/plans/{plan_id}/units.csv", summary="Which unit is in which grid")
def units_csv(service: TheService, actor: TheActor, plan_id: int) -> Response:
    """Write the table that can be changed in a spreadsheet and sent back."""
    with service.database.connection() as connection:
        body = plan_exchange.export_units(connection, actor, plan_id)
    headers = {"Content-Disposition": f'attachment; filename="plan-{plan_id}-units.csv"'}
    return Response(body, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/plans/{plan_id}/grids.geojson", summary="A plan's grids as GeoJSON")
def grids_geojson(service: TheService, actor: TheActor, plan_id: int) -> Response:
    """Dissolve the units into grids."""
    with service.database.connection() as connection:
        body = plan_exchange.export_grids(connection, actor, plan_id)
    headers = {"Content-Disposition": f'attachment; filename="plan-{plan_id}.geojson"'}
    return Response(body, media_type="application/geo+json", headers=headers)


@router.post("/plans/{plan_id}/units.csv", summary="Take over which unit is in which grid")
def take_units(
    service: TheService,
    actor: TheActor,
    plan_id: int,
    version: Annotated[int, Form()],
    file: Annotated[UploadFile, File()],
) -> JsonResponse:
    """Read a table of unit and grid; answer with missing, unknown and doubled units."""
    try:
        text = file.file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            "it is not UTF-8 text", where=_name(file), mend="save the table as CSV UTF-8"
        ) from None
    with service.database.connection() as connection:
        done, report = plan_exchange.import_units(
            connection, actor, plan_id, version, text, source=_name(file)
        )
        return JsonResponse(done.as_dict() | {"report": report})


@router.post("/plans/{plan_id}/fit", summary="Fit drawn polygons to a plan's units")
def fit(
    service: TheService,
    actor: TheActor,
    plan_id: int,
    file: Annotated[UploadFile, File(description="GeoPackage, GeoJSON …")],
    version: Annotated[int | None, Form(description="Take the fit over; only shown if missing")] = None,
    field: Annotated[str, Form(description="The column with codes or names")] = "grid_code",
    crs: Annotated[str | None, Form(description="Where the file does not say")] = None,
) -> JsonResponse:
    """Fit what was drawn in QGIS to whole units, show the misfit, and take it over if asked to."""
    with _kept(file) as path, service.database.connection() as connection:
        drawn = plan_exchange.read_drawing(path, field=field, crs=crs)
        if version is None:
            found = plan_exchange.fit_drawing(connection, actor, plan_id, drawn)
            return JsonResponse({"report": plan_exchange.fit_as_dict(found)})
        done, report = plan_exchange.adopt_drawing(
            connection, actor, plan_id, version, drawn, source=_name(file)
        )
        return JsonResponse(done.as_dict() | {"report": report})


@router.post("/communities/{community_code}/crosswalk", summary="What the nets of several departments share")
def crosswalk(
    service: TheService,
    actor: TheActor,
    community_code: str,
    files: Annotated[list[UploadFile], File(description="One file a net; its name is the net's")],
    field: Annotated[str, Form()] = "grid_code",
    crs: Annotated[str | None, Form()] = None,
) -> JsonResponse:
    """List land, buildings and households that each two grids of different nets share."""
    nets = _nets(files, field, crs)
    with service.database.connection() as connection:
        return JsonResponse({"pairs": plan_exchange.crosswalk(connection, actor, community_code, nets)})


@router.post("/plans/{plan_id}/merge-nets", summary="Make one net of several departments'")
def merge_nets(
    service: TheService,
    actor: TheActor,
    plan_id: int,
    files: Annotated[list[UploadFile], File(description="One file a net; its name is the net's")],
    base: Annotated[str, Form(description="The net whose grids stay")],
    version: Annotated[int, Form()],
    field: Annotated[str, Form()] = "grid_code",
    crs: Annotated[str | None, Form()] = None,
) -> JsonResponse:
    """Fit the base net to units; its grids are heirs of the others."""
    nets = _nets(files, field, crs)
    with service.database.connection() as connection:
        done, report = plan_exchange.merge_departments(connection, actor, plan_id, version, nets, base)
        return JsonResponse(done.as_dict() | {"report": report})


def _answer(done: Outcome) -> JsonResponse:
    return JsonResponse(done.as_dict())


def _name(file: UploadFile) -> str:
    return Path(file.filename or "file").name[:100]


def _nets(files: list[UploadFile], field: str, crs: str | None) -> dict[str, Any]:
    nets = {}
    for file in files:
        with _kept(file) as path:
            nets[Path(_name(file)).stem] = plan_exchange.read_drawing(path, field=field, crs=crs)
    return nets


@contextmanager
def _kept(file: UploadFile) -> Iterator[Path]:
    """Put an upload into a folder of its own for as long as it is read, under a name of ours."""
    suffix = Path(_name(file)).suffix.lower()
    if suffix not in _FILES:
        raise InputError(f"{suffix or 'a file without suffix'} is not read here", where=_name(file))
    with tempfile.TemporaryDirectory(prefix="wangge-") as folder:
        path = Path(folder) / f"drawing{suffix}"
        path.write_bytes(file.file.read())
        yield path
