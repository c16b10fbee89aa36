"""The fixed terms of the field, spelt the same in database, code, API and page.

Only terms that the *code* must tell apart are here. Lists that a place sets for itself (service
categories, incident categories and sources, colour themes) are tables with the defaults below them.
"""

from __future__ import annotations

from enum import StrEnum


class DivisionLevel(StrEnum):
    """A level of the tree; any but the county may be missing."""

    COUNTY = "county"
    STREET = "street"
    COMMUNITY = "community"


class GridType(StrEnum):
    """Basic (基础) grids tile the land; exclusive (专属) and micro (微网格) ones lie on top."""

    BASIC = "basic"
    EXCLUSIVE = "exclusive"
    MICRO = "micro"


class CompoundKind(StrEnum):
    """What a compound (小区) is: walled, a standalone building, or a bungalow area."""

    COMPOUND = "compound"
    STANDALONE = "standalone"
    BUNGALOW = "bungalow"


class BarrierClass(StrEnum):
    """What a street or other barrier is; the cost of a border along it follows from it."""

    ARTERIAL = "arterial"
    LANE = "lane"
    RIVER = "river"
    WALL = "wall"


class HouseholdBasis(StrEnum):
    """What a count of households counted."""

    REGISTERED = "registered"
    RESIDENT = "resident"
    DWELLINGS = "dwellings"
    ESTIMATED = "estimated"


class StaffRole(StrEnum):
    """One leader, one full-time worker, several part-time, one police officer."""

    LEADER = "leader"
    FULL_TIME = "full_time"
    PART_TIME = "part_time"
    POLICE = "police"


class OwnerStatus(StrEnum):
    """How sure an answer about ownership is."""

    INSIDE = "inside"
    EDGE = "edge"
    AMBIGUOUS = "ambiguous"
    OUTSIDE = "outside"
    MANUAL = "manual"
    INVALID = "invalid"


class IncidentState(StrEnum):
    """The life of an incident; every step is a row of its history."""

    REPORTED = "reported"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    RESOLVED = "resolved"
    RATED = "rated"
    MERGED = "merged"


class Role(StrEnum):
    """What a token may do."""

    PLANNER = "planner"
    DISPATCHER = "dispatcher"
    ADMIN = "admin"
