"""Where and when the demonstration takes place: its own data folder, its own clock."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from foundation.calendar import SHANGHAI
from foundation.clock import SteppedClock
from foundation.settings import Settings

OPENING = datetime(2026, 9, 8, 14, 0, tzinfo=SHANGHAI)
"""Three hours after the second image: the chain begins."""


class KeptClock(SteppedClock):
    """The demonstration's clock, kept in a file: a demonstration that was killed goes on at its own time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        kept = path.read_text("ascii").strip() if path.is_file() else ""
        # Reading only: the data folder is made, and refused where it cannot be, by the runtime.
        SteppedClock.set(self, datetime.fromisoformat(kept) if kept else OPENING)

    def set(self, moment: datetime) -> None:
        """Go to a moment and keep it, whole or not at all."""
        super().set(moment)
        half = self._path.with_suffix(".part")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(moment.isoformat(), "ascii")
        half.replace(self._path)


def own_settings(settings: Settings) -> Settings:
    """The installation's settings on the demonstration's own data folder."""
    return settings.model_copy(update={"data_dir": settings.data_dir / "demonstration"})


def kept_clock(own: Settings) -> KeptClock:
    """The clock of the demonstration in this data folder."""
    return KeptClock(own.data_dir / "demo" / "clock")
