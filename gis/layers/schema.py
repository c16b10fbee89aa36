"""Every model of the house, and the layers that people import, export and see.

Importing this module fills :data:`gis.layers.base.Base.metadata`.
"""

from __future__ import annotations

from gis.errors import NotFoundError
from gis.layers.base import Base
from gis.layers.building import Building
from gis.layers.compound import Compound
from gis.layers.division import Division
from gis.layers.follow_up import FollowUp
from gis.layers.grid import ColourTheme, Edition, Grid, GridBoundary, OwnerPrecedence
from gis.layers.incident import Incident, IncidentCategory, IncidentSource, IncidentStep, Visit
from gis.layers.place_name import PlaceName
from gis.layers.plan import Plan, PlanComment, PlanProposal, PlanStep, PlanUnit
from gis.layers.record import Audit, Event, KeptAnswer, PublicRate, Token
from gis.layers.service_point import ServiceCategory, ServicePoint
from gis.layers.staff import Staff
from gis.layers.street import Street

LAYERS: dict[str, type[Base]] = {
    "divisions": Division,
    "grids": Grid,
    "compounds": Compound,
    "buildings": Building,
    "service_points": ServicePoint,
    "streets": Street,
    "staff": Staff,
    "incidents": Incident,
}
"""Layer → model, in the order in which they can be loaded."""

APPEND_ONLY: tuple[type[Base], ...] = (Edition, IncidentStep, Audit, PlanStep, PlanComment, Event)
"""What the database refuses to change or delete."""

ALL_MODELS: tuple[type[Base], ...] = (
    *LAYERS.values(),
    ColourTheme,
    OwnerPrecedence,
    Edition,
    GridBoundary,
    Plan,
    PlanUnit,
    PlanStep,
    PlanComment,
    PlanProposal,
    ServiceCategory,
    IncidentCategory,
    IncidentSource,
    IncidentStep,
    Visit,
    Audit,
    Event,
    Token,
    KeptAnswer,
    PublicRate,
    FollowUp,
    PlaceName,
)


def layer_model(layer: str) -> type[Base]:
    """Return a layer's model.

    Parameters
    ----------
    layer
        A key of ``LAYERS``.

    Returns
    -------
    type
        The model.

    Raises
    ------
    NotFoundError
        If there is no such layer.
    """
    model = LAYERS.get(layer)
    if model is None:
        raise NotFoundError(f"there is no layer {layer!r}", mend=f"choose one of {', '.join(LAYERS)}")
    return model
