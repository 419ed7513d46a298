"""The next outing, as the field app shows it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from webmap.schemas.basics import Answer, Lonlat, Moment
from webmap.schemas.fieldwork import AssignmentRow


class OutingStopInfo(Answer):
    """One task in its place."""

    place: int = Field(description="1 is the next stop.")
    assignment: AssignmentRow
    leg_m: float = Field(description="Way from the stop before.")
    arrives_at: Moment
    is_late: bool = Field(description="Reached after its deadline, even in the best order.")


class OutingInfo(Answer):
    """Open tasks nearby, in the order in which to go."""

    made_at: Moment
    start: Lonlat | None
    start_kind: Literal["own_place", "middle_of_ground", "first_task"]
    stops: list[OutingStopInfo]
    line: list[Lonlat] = Field(description="Start, stops, start.")
    length_m: float = Field(description="Straight lines times a detour; there and back.")
    back_at: Moment
    is_proven: bool = Field(description="No order is better; else none was found in the time it is worth.")
    left: int = Field(description="Open tasks on site that are left for another outing.")
