"""Detection work under way."""

from __future__ import annotations

from pydantic import Field

from webmap.schemas.basics import Answer, Moment


class WorkInfo(Answer):
    """One piece of work in the queue."""

    number: int
    name: str = Field(examples=["时序监测"])
    county_code: str
    county_name: str = Field(examples=["孟州市"])
    is_running: bool = Field(description="Else it waits.")
    is_called_off: bool = Field(description="Told to stop; it ends at its next block.")
    since: Moment | None


class WorkList(Answer):
    """The oldest first."""

    items: list[WorkInfo]
