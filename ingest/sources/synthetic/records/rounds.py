"""Patrols of the demonstration weeks: honest officers, lazy ones, and a few who cheat."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from ingest.sources.synthetic.landscape.land import Land
from ingest.sources.synthetic.records.posts import Post, list_posts

SHANGHAI = timezone(timedelta(hours=8))
FIRST_MONDAY = datetime(2026, 9, 7, tzinfo=SHANGHAI)
WEEKS = 4
"""ISO weeks 2026-W37 to 2026-W40."""
PATROL_SPACE = UUID("6f0d5c1e-4108-4883-8000-000000000000")
PER_WEEK = {("grid_officer", 4): 2.0, ("field_chief", 4): 1.0, ("mountain_chief", 4): 1.0}
PER_WEEK_TOWNSHIP = 0.5
CHEATS = ("too_short", "outside", "teleport", "mock")
FIX_EVERY_S = 30


def write_patrols(land: Land, path: Path) -> Path:
    """``patrols.jsonl``: one patrol a line, in order of time.

    Fixes are WGS-84 lon/lat with accuracy and mock flag. The first officers of a seeded draw cheat, each
    in one way; one in six is lazy; the others keep their quota.
    """
    walkers = [
        post for post in list_posts(land)
        if post.tier >= 3 and post.kind in ("field_chief", "mountain_chief", "grid_officer")
    ]  # fmt: skip
    rng = land.seed.stream("patrols")
    order = rng.permutation(len(walkers))
    characters = {walkers[int(index)].post_no: cheat for index, cheat in zip(order, CHEATS, strict=False)}
    for index in order[len(CHEATS) : len(CHEATS) + max(1, len(walkers) // 6)]:
        characters[walkers[int(index)].post_no] = "lazy"
    patrols = [
        patrol
        for post in walkers
        for patrol in _patrols_of(land, post, characters.get(post.post_no, "honest"))
    ]
    patrols.sort(key=lambda patrol: (patrol["started_at"], patrol["post_no"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(patrol, ensure_ascii=False, separators=(",", ":")) for patrol in patrols)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _patrols_of(land: Land, post: Post, character: str) -> list[dict[str, Any]]:
    rng = land.seed.stream("patrols", post.post_no)
    quota = PER_WEEK.get((post.kind, post.tier), PER_WEEK_TOWNSHIP)
    area = _area_of(land, post)
    patrols = []
    for week in range(WEEKS):
        times = (
            int(np.floor(quota + rng.random())) if character != "lazy" else int(rng.random() < 0.3 * quota)
        )
        days = rng.choice(6, size=min(times, 6), replace=False)
        for day in np.sort(days):
            start = FIRST_MONDAY + timedelta(
                days=7 * week + int(day), minutes=float(rng.uniform(7.2, 17.0) * 60)
            )
            track = _track(land, area, rng=rng, character=character)
            patrols.append(_record(land, post, start=start, track=track, rng=rng, character=character))
    return patrols


def _area_of(land: Land, post: Post) -> BaseGeometry:
    if post.tier == 4:
        return next(village.territory for village in land.villages if village.code == post.division_code)
    members = [village.territory for village in land.villages if village.township_code == post.division_code]
    joined: BaseGeometry = shapely.union_all(members)
    return joined


def _track(
    land: Land, area: BaseGeometry, *, rng: np.random.Generator, character: str
) -> NDArray[np.float64]:
    """A walk in local metres, one point every ``FIX_EVERY_S``, turning back at the boundary."""
    minutes = rng.uniform(5, 9) if character == "too_short" else rng.uniform(22, 58)
    speed = rng.uniform(0.2, 0.5) if character == "too_short" else rng.uniform(0.9, 2.8)
    inner = area.buffer(-40.0)
    shapely.prepare(inner)
    here = np.array(shapely.get_coordinates(inner.representative_point())[0])
    heading = rng.uniform(0, 2 * np.pi)
    points = [here]
    for _ in range(int(minutes * 60 / FIX_EVERY_S)):
        for _ in range(12):
            step = speed * FIX_EVERY_S * np.array([np.cos(heading), np.sin(heading)])
            if shapely.contains_xy(inner, *(here + step)):
                here = here + step
                break
            heading = rng.uniform(0, 2 * np.pi)
        heading += rng.normal(0.0, 0.35)
        points.append(here)
    track = np.array(points) + rng.normal(0.0, 3.0, (len(points), 2))
    if character == "outside":
        away = 3200.0 if land.frame.width_m > 4000 else 1400.0
        side = 1.0 if track[0, 0] < land.frame.width_m / 2 else -1.0
        track[:, 0] += side * away
    if character == "teleport":
        jump = len(track) // 3
        track[jump : 2 * jump] += rng.uniform(5000, 9000, 2) * rng.choice((-1, 1), 2)
    return track


def _record(
    land: Land,
    post: Post,
    *,
    start: datetime,
    track: NDArray[np.float64],
    rng: np.random.Generator,
    character: str,
) -> dict[str, Any]:
    lonlat = shapely.get_coordinates(land.frame.to_lonlat(shapely.points(track)))
    accuracy = np.where(
        rng.random(len(track)) < 0.04, rng.uniform(55, 120, len(track)), rng.gamma(4.0, 2.0, len(track)) + 2
    )
    start = start.replace(microsecond=0)
    fixes = [
        {
            "t": (start + timedelta(seconds=FIX_EVERY_S * number)).isoformat(),
            "lon": round(float(lon), 7),
            "lat": round(float(lat), 7),
            "accuracy_m": round(float(metres), 1),
            "is_mock": character == "mock",
        }
        for number, ((lon, lat), metres) in enumerate(zip(lonlat, accuracy, strict=True))
    ]
    return {
        "patrol_id": str(uuid5(PATROL_SPACE, f"{land.seed.value}/{post.post_no}/{start.isoformat()}")),
        "post_no": post.post_no,
        "started_at": start.isoformat(),
        "ended_at": fixes[-1]["t"],
        "fixes": fixes,
        "tasks_visited": int(rng.poisson(0.4)) if character == "honest" else 0,
    }
