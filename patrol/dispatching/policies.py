"""The policy of dispatching: when neighbours ease, when a patch is shared, how much one person is given."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from foundation.errors import Defect, InvalidInput

POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "policies" / "dispatch.toml"


@dataclass(frozen=True, slots=True)
class DispatchPolicy:
    """Rules of dispatching.

    Attributes
    ----------
    gap : int
        Open tasks on site that the cell's own officer has more than a neighbour before that one goes.
    share : float
        Part of a patch in a second cell from which that cell's officer helps; above 0, at most 1.
    overlap : float
        Part of a patch on corrected ground from which the correction is honoured; above 0, at most 1.
    day, week : int
        Tasks on site that reach one person at most.
    urgent_severity : int
        Severity from which a patch never waits: 1 to 4, 5 for none.
    longest_wd : int
        Working days in the queue after which a task goes out all the same.
    """

    gap: int
    share: float
    overlap: float
    day: int
    week: int
    urgent_severity: int
    longest_wd: int


FORM: Mapping[tuple[str, str], tuple[type, float, float]] = {
    ("balance", "gap"): (int, 1, 10_000),
    ("shared", "share"): (float, 0.01, 1),
    ("correction", "overlap"): (float, 0.01, 1),
    ("budget", "day"): (int, 1, 10_000),
    ("budget", "week"): (int, 1, 50_000),
    ("budget", "urgent_severity"): (int, 1, 5),
    ("budget", "longest_wd"): (int, 1, 60),
}
"""Section and key, type, smallest and largest value."""
BYTES_MAX = 20_000


@lru_cache(maxsize=1)
def dispatch_policy() -> DispatchPolicy:
    """The policy in force.

    Raises
    ------
    Defect
        ``patrol.dispatch.bad_policy``: the file is not as it must be.
    """
    try:
        return read_policy(POLICY_FILE.read_bytes())
    except InvalidInput as error:
        raise Defect(error.code, **error.facts) from error


def policy_text() -> str:
    """The policy in force as it is written."""
    return POLICY_FILE.read_text("utf-8")


def read_policy(data: bytes) -> DispatchPolicy:
    """Read a policy file; every value must be there, and none beside them.

    Raises
    ------
    InvalidInput
        ``patrol.dispatch.bad_file``: not TOML in UTF-8, or too long.
        ``patrol.dispatch.bad_policy``: a value is missing, unknown or out of its range.
    """
    if len(data) > BYTES_MAX:
        raise InvalidInput("patrol.dispatch.bad_file", reason=f"> {BYTES_MAX} B")
    try:
        given = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput("patrol.dispatch.bad_file", reason=str(error)[:200]) from error
    known = {section for section, _ in FORM}
    for section, values in given.items():
        if section not in known:
            raise _bad(section, values, "—")
        for key in values if isinstance(values, dict) else ():
            if (section, key) not in FORM:
                raise _bad(f"{section}.{key}", values[key], "—")
    return DispatchPolicy(**{key: _value(given, section, key) for section, key in FORM})


def _value(given: Mapping[str, Any], section: str, key: str) -> Any:
    kind, least, most = FORM[section, key]
    values = given.get(section)
    value = values.get(key) if isinstance(values, dict) else None
    accepted = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, accepted) or not least <= value <= most:
        raise _bad(f"{section}.{key}", value, f"{least}–{most}")
    return kind(value)


def _bad(key: str, value: object, accepted: str) -> InvalidInput:
    return InvalidInput("patrol.dispatch.bad_policy", key=key[:60], given=str(value)[:60], accepted=accepted)
