"""How far a camera's event is believed: its own word, the device's record, the season. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from detection.cameras.policy import season_row
from detection.leads import Lead


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """What people found of a device's earlier events of one kind.

    Attributes
    ----------
    right, wrong : int
        Events that proved to be what they said, and that did not. What nobody has looked at is neither.
    """

    right: int = 0
    wrong: int = 0


def believed(
    told: float, *, kind: str, seen_at: datetime, record: DeviceRecord, rules: Mapping[str, Any]
) -> tuple[float, dict[str, Any]]:
    """Chance that an event is what it says, and what went into it.

    The device's share of right events is drawn to the expected one by so many imagined events: a new device
    is believed as the policy says, a proven one as it has earned. Independent witnesses multiply their odds.

    Parameters
    ----------
    told : float
        0–1, as the device says.
    rules : mapping
        ``[trust]`` of ``cameras.toml``.

    Returns
    -------
    float
        0–1.
    dict
        ``told``, ``right``, ``wrong``, ``device_share``, ``season_odds``: JSON values for the lead.
    """
    expected, weight = float(rules["expected_right"]), float(rules["expected_weight"])
    share = (record.right + expected * weight) / (record.right + record.wrong + weight)
    season = season_row(kind, seen_at)
    season_odds = float(season["odds"]) if season is not None else 1.0
    limited = min(max(told, rules["least"]), rules["most"])
    log_odds = _logit(limited) + _logit(share) - _logit(expected) + math.log(season_odds)
    chance = min(max(1.0 / (1.0 + math.exp(-log_odds)), rules["least"]), rules["most"])
    account = {
        "told": round(told, 4),
        "right": record.right,
        "wrong": record.wrong,
        "device_share": round(share, 4),
        "season_odds": season_odds,
    }
    return round(chance, 4), account


def trusted(lead: Lead, record: DeviceRecord, rules: Mapping[str, Any]) -> Lead:
    """A camera's lead with the confidence that it deserves, and the account of it in its attributes."""
    kind = str(lead.attributes["kind"])
    chance, account = believed(
        lead.confidence, kind=kind, seen_at=lead.observed_to, record=record, rules=rules
    )
    return replace(lead, confidence=chance, attributes={**lead.attributes, "trust": account})


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))
