"""The demonstration, stage by stage. Every stage finds what stands and does only what is missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from foundation.accounts import actor_of_login
from foundation.calendar import SHANGHAI
from foundation.clock import SteppedClock
from foundation.errors import Unavailable
from foundation.jobs import failed_jobs
from foundation.runtime import Runtime
from foundation.settings import Settings
from ingest import service as ingest
from ingest.scenes import SURFACE
from ingest.sources.synthetic.county import CountyFiles, Size, build_county, county_files
from patrol import service as patrol
from webmap.app import create_app
from webmap.demo.cameras import Towers
from webmap.demo.ground import read_ground
from webmap.demo.measure import found_patches, measure
from webmap.demo.people import CITY, COUNTY, Holder, People, make_accounts, read_holders
from webmap.demo.weeks import Weeks
from webmap.server import serve, serving
from webmap.workers import working

COUNTY_DIGITS = COUNTY[:6]
MORNING_AFTER = datetime(2026, 10, 12, 8, 30, tzinfo=SHANGHAI)
"""When the served demonstration opens: the Monday after the last simulated day."""
HOURLY = ("patrol.run_clocks", "patrol.watch_closed", "patrol.draft_due_reports")
"""What a worker does by itself and an officer sees."""
LATER_REGISTER = "2026-09-01"
REPORTS = (
    *(("weekly_bulletin", f"2026-W{week}", f"2026-{month_day}") for week, month_day in
      ((37, "09-14"), (38, "09-21"), (39, "09-28"), (40, "10-05"))),
    ("monthly_ranking", "2026-09", "2026-10-01"),
)  # fmt: skip
"""What is issued, and on which morning."""
REVIEWER, ISSUER = "city", "manager"

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Demonstration:
    """One county on one runtime whose clock can be set."""

    runtime: Runtime
    clock: SteppedClock
    folder: Path
    files: CountyFiles
    holders: dict[str, Holder]
    towers: Towers


def prepare(
    runtime: Runtime, clock: SteppedClock, *, size: Size, seed: int, progress: Progress
) -> Demonstration:
    """Inputs, imports, detection, judgement, cases: everything that comes before people act."""
    folder = runtime.settings.data_dir / "demo" / f"county-{size}-{seed}"
    files = build_inputs(folder, size=size, seed=seed, progress=progress)
    holders = read_holders(files.posts)
    work_off(runtime, _import_jobs(runtime, files), progress)
    accounts = make_accounts(runtime, holders, clock=clock)
    work_off(
        runtime,
        [
            (
                "patrol.import_posts",
                {"path": str(files.posts), "accounts": {k: str(v) for k, v in accounts.items()}},
            ),
            ("patrol.import_grid", {"county_code": COUNTY_DIGITS}),
        ],
        progress,
    )
    work_off(runtime, _detect_jobs(runtime, files), progress)
    work_off(runtime, _register_jobs(files), progress)
    work_off(runtime, [("detection.judge", {}), ("patrol.open_cases", {})], progress)
    work_off(runtime, [("patrol.import_patrols", {"path": str(files.patrols)})], progress)
    towers = Towers(runtime, files.cameras, COUNTY)
    return Demonstration(runtime, clock, folder, files, holders, towers)


def build_inputs(folder: Path, *, size: Size, seed: int, progress: Progress) -> CountyFiles:
    """The county's files; made beside their place and renamed when whole."""
    if not folder.exists():
        making = folder.with_name(folder.name + ".making")
        shutil.rmtree(making, ignore_errors=True)
        build_county(making, seed=seed, size=size, progress=progress)
        making.rename(folder)
    progress("县域数据就绪 county ready", 1.0)
    return county_files(folder)


def simulate(demo: Demonstration, *, progress: Progress) -> None:
    """The weeks in which people act, over HTTP on a free port of this machine."""
    last_event = _last_event(demo.runtime)
    with serving(create_app(demo.runtime)) as server:
        people = People(f"http://127.0.0.1:{server.port}")
        try:
            ground = read_ground(demo.folder)
            weeks = Weeks(people, demo.holders, ground, demo.clock, lambda: _close_day(demo), progress)
            weeks.run(last_event)
        finally:
            people.close()
    _close_day(demo)
    work_off(demo.runtime, [("patrol.refresh_seen", {})], progress)


def result(demo: Demonstration) -> dict[str, Any]:
    """The measurement against the planted truth, and the state of the cases."""
    measured = measure(found_patches(demo.runtime), read_ground(demo.folder))
    with demo.runtime.database.transaction(demo.runtime.system) as session:
        states = session.execute(
            text("SELECT display_state, count(*) FROM patch_overview GROUP BY 1 ORDER BY 1")
        ).all()
        reports = session.execute(
            text("SELECT kind, period, status FROM bulletin ORDER BY period, kind")
        ).all()
    measured["states"] = {row[0]: row[1] for row in states}
    measured["reports"] = [dict(row._mapping) for row in reports]
    return measured


def inspector_login(demo: Demonstration) -> str:
    """Who has most patches to visit: whoever signs in as inspector finds something to do on the phone."""
    with demo.runtime.database.transaction(demo.runtime.system) as session:
        row = session.execute(
            text(
                "SELECT a.login FROM assignment t JOIN account a ON a.account_id = t.holder_account_id"
                " WHERE a.role IN ('grid_officer', 'chief')"
                " AND t.kind = 'verify' AND t.status IN ('sent', 'signed')"
                " GROUP BY a.login ORDER BY count(*) DESC, a.login LIMIT 1"
            )
        ).scalar()
    if row:
        return str(row)
    return min(holder.login for holder in demo.holders.values() if holder.kind == "grid_officer")


def open_to_visitors(demo: Demonstration, settings: Settings) -> None:
    """Serve the map until interrupted, with a worker beside it. The clock goes on from the last day.

    Parameters
    ----------
    demo : Demonstration
        Prepared and lived through.
    settings : Settings
        Of the installation: the address, and where the worker finds the demonstration.
    """
    last = _last_event(demo.runtime)
    demo.clock.set(max(MORNING_AFTER, last + timedelta(minutes=1)) if last else MORNING_AFTER)
    # What the worker would do within the hour stands before the first visitor comes.
    work_off(demo.runtime, [(name, {}) for name in HOURLY])
    with working(settings, is_demonstration=True):
        serve(create_app(demo.runtime), settings.host, settings.port)


def _import_jobs(runtime: Runtime, files: CountyFiles) -> list[tuple[str, dict[str, Any]]]:
    jobs: list[tuple[str, dict[str, Any]]] = [
        (
            "ingest.import_layer",
            {"path": str(path), "layer_kind": kind, "county_code": COUNTY_DIGITS, "valid_from": "2026-01-01"},
        )
        for kind, path in files.layers.items()
        if kind != "parcel_later"
    ]
    jobs += [
        ("ingest.import_scene", {"path": str(path), "county_code": COUNTY_DIGITS})
        for path in (files.before, files.after)
    ]
    jobs += [
        ("ingest.import_scene", {"path": str(path), "county_code": COUNTY_DIGITS, "kind": SURFACE})
        for path in (files.dsm_before, files.dsm_after)
    ]
    return jobs


def _detect_jobs(runtime: Runtime, files: CountyFiles) -> list[tuple[str, dict[str, Any]]]:
    """Images against images, surface model against surface model."""
    before, after = _scenes(runtime, is_surface=False)
    models = _scenes(runtime, is_surface=True)
    image = {"before_scene_id": before, "after_scene_id": after, "cloud_mask": str(files.after_cloud)}
    heights = {"before_scene_id": models[0], "after_scene_id": models[1]}
    return [("detection.detect", image), ("detection.detect", heights)]


def _register_jobs(files: CountyFiles) -> list[tuple[str, dict[str, Any]]]:
    """The register's second snapshot, and what changed since the first."""
    later = {"path": str(files.layers["parcel_later"]), "layer_kind": "parcel", "valid_from": LATER_REGISTER}
    return [
        ("ingest.import_layer", {**later, "county_code": COUNTY_DIGITS}),
        ("detection.compare_registers", {"county_code": COUNTY_DIGITS}),
    ]


def work_off(
    runtime: Runtime,
    jobs: Sequence[tuple[str, dict[str, Any]]],
    progress: Progress = lambda _name, _share: None,
) -> None:
    """Put jobs in the queue and run it empty here. Work that stands already is found and left by the jobs.

    Raises
    ------
    Unavailable
        ``webmap.demo.job_failed`` naming the first job that was given up.
    """
    done = 0

    def tell(name: str) -> None:
        nonlocal done
        done += 1
        progress(name, min(done / max(len(jobs), 1), 1.0))

    with runtime.database.transaction(runtime.system) as session:
        given_up = {job["id"] for job in failed_jobs(session)}
        for name, arguments in jobs:
            runtime.queue.defer(session, name, **arguments)
    runtime.queue.listener = tell
    runtime.queue.work(until_empty=True)
    runtime.queue.listener = None
    with runtime.database.transaction(runtime.system) as session:
        failed = [job for job in failed_jobs(session) if job["id"] not in given_up]
    if failed:
        if runtime.queue.last_refusal is not None:
            raise runtime.queue.last_refusal
        raise Unavailable("webmap.demo.job_failed", job=failed[-1]["task_name"])


def _close_day(demo: Demonstration) -> None:
    """What nobody does by hand: cameras speak, what is overdue escalates, what is due is drafted."""
    demo.towers.speak(demo.clock())
    runtime, today = demo.runtime, demo.clock().date().isoformat()
    jobs: list[tuple[str, dict[str, Any]]] = [("patrol.run_clocks", {})]
    with runtime.database.transaction(runtime.system) as session:
        rows = session.execute(text("SELECT kind, period FROM bulletin WHERE status = 'issued'"))
        issued = {tuple(row) for row in rows}
    due: list[tuple[str, str]] = []
    for kind, period, morning in REPORTS:
        if morning <= today and (kind, period) not in issued:
            jobs.append(("patrol.draft_bulletin", {"kind": kind, "period": period, "division_code": CITY}))
            due.append((kind, period))
    work_off(runtime, jobs)
    _issue(demo, due)


def _issue(demo: Demonstration, due: Sequence[tuple[str, str]]) -> None:
    """One person reviews each draft, another issues it."""
    now = demo.clock()
    with demo.runtime.database.transaction(demo.runtime.system) as session:
        found = patrol.list_bulletins(session, actor_of_login(session, REVIEWER))
        drafts = [view.bulletin_id for view in found if (view.kind, view.period) in due]
        reviewer, issuer = actor_of_login(session, REVIEWER), actor_of_login(session, ISSUER)
    for bulletin_id in drafts:
        with demo.runtime.database.transaction(reviewer) as session:
            patrol.review_bulletin(session, reviewer, bulletin_id, now=now)
        with demo.runtime.database.transaction(issuer) as session:
            patrol.issue_bulletin(session, issuer, bulletin_id, now=now)


def _scenes(runtime: Runtime, *, is_surface: bool) -> tuple[str, str]:
    """Ids of the first and the last scene of a sort."""
    with runtime.database.transaction(runtime.system) as session:
        scenes = [s for s in ingest.list_scenes(session, runtime.system) if s.is_surface == is_surface]
    ordered = sorted(scenes, key=lambda scene: scene.acquired_at)
    return str(ordered[0].scene_id), str(ordered[-1].scene_id)


def _last_event(runtime: Runtime) -> datetime | None:
    """When somebody last moved a case; the system's own opening does not count."""
    with runtime.database.transaction(runtime.system) as session:
        moment: datetime | None = session.execute(
            text("SELECT max(at) FROM case_event WHERE actor_id <> :system"),
            {"system": runtime.system.account_id},
        ).scalar()
    return moment
