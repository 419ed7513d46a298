"""Dispatching as the desk sees it: the queue, corrections, shared patches, a changed policy tried."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from patrol.dispatching.policies import BYTES_MAX
from webmap.schemas.basics import Answer, Body, Lonlat, Moment

Pair = tuple[int, int]


class QueuedInfo(Answer):
    """One patch that waits to be handed down."""

    patch_id: UUID
    patch_number: str
    version: int = Field(description="Of the case, for If-Match.")
    division_code: str
    division_name: str
    severity: int
    post_title: str
    holder_name: str
    reason_code: str = Field(examples=["budget_day"])
    reason_name: str = Field(examples=["承办人当日任务已满"])
    queued_at: Moment
    latest_at: Moment = Field(description="It goes out by then, whatever the budget says.")


class QueueInfo(Answer):
    """The queue in the order in which it goes out, and how much one person is given."""

    items: list[QueuedInfo]
    day: int = Field(description="Tasks on site that reach one person a day at most.")
    week: int
    longest_wd: int = Field(description="Working days after which a queued task goes out all the same.")


class ReleaseForm(Body):
    """Why a queued patch is sent out at once."""

    note: str | None = Field(default=None, max_length=500)


class GridCorrectionInfo(Answer):
    """Ground for which another officer answers than the grid says."""

    correction_id: UUID
    division_code: str
    patch_id: UUID
    patch_number: str
    from_title: str
    from_name: str
    to_title: str
    to_name: str
    why: str
    recorded_at: Moment
    recorded_by_name: str
    revoked_at: Moment | None
    revoked_by_name: str | None
    revoked_reason: str | None


class RevokeForm(Body):
    """Why a correction holds no longer."""

    reason: str = Field(max_length=500)


class HelpInfo(Answer):
    """A patch that lies partly in the cell of the caller, who helps; somebody else leads."""

    helper_id: UUID
    patch_id: UUID
    patch_number: str
    division_code: str
    cell_code: str
    share: float = Field(description="Part of the patch in the helper's cell.")
    named_at: Moment
    helper_title: str
    helper_name: str
    lead_named: str = Field(description="Post and person that led when the help began.")
    outline: dict[str, Any] = Field(description="GeoJSON in EPSG:4490.")
    lonlat: Lonlat


class RulesForm(Body):
    """A whole policy of dispatching, as TOML."""

    text: str = Field(max_length=BYTES_MAX)


class RulesInfo(Answer):
    """The policy in force, as TOML: what a change begins from."""

    text: str


class RuleChangeInfo(Answer):
    """A value of the policy that differs."""

    key: str
    now: float
    changed: float


class PersonShareInfo(Answer):
    """One officer under both policies; every pair is (now, changed)."""

    post_id: UUID
    title: str
    holder_name: str
    division_code: str
    division_name: str
    sent: Pair
    helped: Pair
    waited: Pair
    longest_wait_days: tuple[float, float]
    most_open: Pair


class RulesPreviewInfo(Answer):
    """A month under the policy in force and under another; every pair is (now, changed)."""

    period: str
    sentence_zh: str
    sentence_en: str
    changes: list[RuleChangeInfo]
    dispatches: int
    is_cut: bool = Field(description="More than can be tried at once; the earliest were.")
    sent: Pair
    people: Pair
    to_others: Pair = Field(description="Sent to a chief or a station, where no officer stands.")
    still_queued: Pair
    moved: list[str] = Field(description="Numbers of patches that would have gone to another officer.")
    moved_count: int
    persons: list[PersonShareInfo]
