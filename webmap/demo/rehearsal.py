"""The demonstration county's patches taken through every branch of the life of a case, with time travel."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import rasterio
import shapely
from shapely import affinity
from sqlalchemy import text
from sqlalchemy.orm import Session

from detection import service as detection
from detection.desk import service as desk
from detection.leads import Lead
from detection.taxonomy import fine_range
from foundation import accounts
from foundation.access import Actor
from foundation.calendar import SHANGHAI
from foundation.crs import ellipsoidal_area_m2
from foundation.errors import Conflict, Defect, NotAllowed
from foundation.ids import derived_id
from patrol import casework
from patrol import service as patrol
from patrol.papers import service as papers
from patrol.papers.kinds import paper_kinds
from patrol.service import EvidenceClaim, VerdictBody, VisitBody
from webmap.demo.photos import draw_photo
from webmap.demo.rehearsed import ownerless
from webmap.demo.run import COUNTY_DIGITS, Demonstration, work_off


@dataclass
class Rehearsal:
    """One county, one clock, and everybody who acts in it.

    Attributes
    ----------
    branches : dict of branch -> patch number
        Which patch took which branch.
    refusals : list
        What was tried and refused, with its code: (patch, who, what, code).
    papers, ownerless_checks
        Papers issued; how often it was checked that nothing is without an owner.
    """

    demo: Demonstration
    folder: Path
    branches: dict[str, str] = field(default_factory=dict)
    refusals: list[dict[str, str]] = field(default_factory=list)
    papers: list[dict[str, str]] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    ownerless_checks: int = 0
    _actors: dict[str, Actor] = field(default_factory=dict)

    # -- acting ----------------------------------------------------------------------------------------
    @property
    def now(self) -> datetime:
        """The moment by the rehearsal's clock."""
        return self.demo.clock()

    def at(self, day: str, hour: int = 9) -> None:
        """Travel to a morning; what the platform does by itself happens on the way."""
        moment = datetime.fromisoformat(f"{day}T{hour:02d}:00").replace(tzinfo=SHANGHAI)
        if moment <= self.now:
            raise Defect("webmap.rehearsal.time_runs_forward", moment=moment.isoformat())
        self.demo.clock.set(moment)
        self.platform()

    def later(self, **span: float) -> None:
        """A little later on."""
        self.demo.clock.set(self.now + timedelta(**span))

    def platform(self) -> None:
        """The platform's own work: clocks, warnings, pauses that end, relapses."""
        runtime = self.demo.runtime
        with runtime.database.transaction(runtime.system) as session:
            patrol.run_clocks(session, runtime.system, now=self.now)
            patrol.open_cases_for(session, runtime.system, now=self.now)

    def person(self, login: str) -> Actor:
        """Somebody by log-in."""
        if login not in self._actors:
            runtime = self.demo.runtime
            with runtime.database.transaction(runtime.system) as session:
                account_id = session.execute(
                    text("SELECT account_id FROM account WHERE login = :login"), {"login": login}
                ).scalar_one()
                self._actors[login] = accounts.actor_of_account(session, account_id)
        return self._actors[login]

    def do(self, login: str, verb: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Somebody does something, in a transaction of its own; nothing is without an owner afterwards."""
        actor = self.person(login)
        self.later(minutes=5)
        with self.demo.runtime.database.transaction(actor) as session:
            done = verb(session, actor, *args, **options, now=self.now)
        self.check_owners()
        return done

    def refused(
        self, patch_id: UUID, login: str, what: str, verb: Callable[..., Any], *args: Any, **more: Any
    ) -> None:
        """Something that must not be possible.

        Raises
        ------
        Defect
            ``webmap.rehearsal.not_refused``.
        """
        try:
            self.do(login, verb, patch_id, *args, **more)
        except (Conflict, NotAllowed) as error:
            row = {"number": self.number(patch_id), "who": self.person(login).name, "what": what}
            self.refusals.append({**row, "code": error.code})
            return
        raise Defect("webmap.rehearsal.not_refused", what=what, who=login)

    def check_owners(self) -> None:
        """Nothing is without a named owner, at any step.

        Raises
        ------
        Defect
            ``webmap.rehearsal.ownerless``.
        """
        found = ownerless(self.demo.runtime, self.now)
        self.ownerless_checks += 1
        if found:
            raise Defect("webmap.rehearsal.ownerless", patches=", ".join(map(str, found)))

    # -- looking ---------------------------------------------------------------------------------------
    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of the database, as the platform sees them."""
        runtime = self.demo.runtime
        with runtime.database.transaction(runtime.system) as session:
            return [dict(row) for row in session.execute(text(sql), values).mappings()]

    def number(self, patch_id: UUID) -> str:
        """Number of a patch."""
        return str(self.rows("SELECT number FROM patch WHERE patch_id = :id", id=patch_id)[0]["number"])

    def outline(self, patch_id: UUID) -> Any:
        """Outline of a patch, EPSG:4490."""
        rows = self.rows("SELECT ST_AsBinary(geometry) AS shape FROM patch WHERE patch_id = :id", id=patch_id)
        return shapely.from_wkb(bytes(rows[0]["shape"]))

    def state(self, patch_id: UUID) -> str:
        """State of a case."""
        return str(self.rows("SELECT state FROM case_file WHERE patch_id = :id", id=patch_id)[0]["state"])

    def holder_of(self, patch_id: UUID, kind: str) -> str:
        """Log-in of the post-holder of a kind over a patch."""
        rows = self.rows(
            "SELECT a.login FROM post JOIN account a ON a.account_id = post.holder_account_id, patch"
            " WHERE patch_id = :id AND kind = :kind AND tier >= 3"
            " AND starts_with(patch.division_code, landwarden_prefix(post.division_code))"
            " ORDER BY tier DESC, post_no LIMIT 1",
            id=patch_id,
            kind=kind,
        )
        return str(rows[0]["login"])

    def counts_now(self) -> dict[str, int]:
        """Patches by displayed state, verdicts in force and findings, as reports count them."""
        runtime = self.demo.runtime
        with runtime.database.transaction(runtime.system) as session:
            states = patrol.counts_by_state(session, runtime.system, patrol.PatchFilter())
        (row,) = self.rows(
            "SELECT (SELECT count(*) FROM case_file WHERE verdict_kind IS NOT NULL) AS verdicts,"
            " (SELECT count(*) FROM lead WHERE NOT attributes ? 'corrects') AS leads"
        )
        return {**{state: count for state, count in states.items() if count}, **row}

    def refused_objection(
        self, objection_id: UUID, patch_id: UUID, login: str, decision: casework.DecisionBody
    ) -> None:
        """Nobody decides their own objection."""

        def decide(session: Session, actor: Actor, _patch_id: UUID, **more: Any) -> Any:
            return casework.decide_objection(session, actor, objection_id, decision, **more)

        self.refused(patch_id, login, "复核本人提出的异议", decide)

    def lowest_fine(self, patch_id: UUID) -> int:
        """The lowest fine that the taxonomy allows for the signed violation, in whole yuan."""
        (case,) = self.rows(
            "SELECT c.violation_code, p.area_m2, p.after_at FROM case_file c JOIN patch p USING (patch_id)"
            " WHERE patch_id = :id",
            id=patch_id,
        )
        violation = desk.taxonomy_row(case["violation_code"], case["after_at"].astimezone(SHANGHAI).date())
        per_m2 = [fine for fine in violation.fines if fine.kind == "per_m2"]
        return math.ceil(fine_range(per_m2[0], area_m2=case["area_m2"], base_yuan=None).low_yuan)

    # -- steps that many stories share -----------------------------------------------------------------
    def dispatch_and_visit(self, patch_id: UUID, *, finding: str = "built") -> None:
        """Judged at the desk, handed down tier by tier, signed for, visited with a photograph."""
        self.do("officer", patrol.dispatch, patch_id)
        while True:
            (task,) = self.rows(
                "SELECT t.assignment_id, t.kind, a.login FROM assignment t"
                " JOIN account a ON a.account_id = t.holder_account_id"
                " WHERE t.patch_id = :id AND t.status IN ('sent', 'signed')",
                id=patch_id,
            )
            self.do(task["login"], patrol.sign, task["assignment_id"])
            if task["kind"] == "verify":
                self.visit(task["login"], patch_id, task["assignment_id"], finding)
                return

    def visit(self, login: str, patch_id: UUID, assignment_id: UUID, finding: str) -> None:
        """Somebody goes there, and takes a photograph."""
        place = self.outline(patch_id).representative_point()
        lonlat = (place.x, place.y)
        visit_id = derived_id("rehearsal-visit", assignment_id)
        body = VisitBody(
            visit_id=visit_id,
            assignment_id=assignment_id,
            device_time=self.now,
            device_counter=1,
            lonlat=lonlat,
            accuracy_m=5.0,
            coord_source="wgs84",
            finding=finding,
            note="演练：现场与影像一致。",
        )
        self.do(login, patrol.record_visit, body)
        data = draw_photo(
            self.chip(patch_id), bearing_deg=45, lonlat=lonlat, at=self.now, number=self.number(patch_id)
        )
        claim = EvidenceClaim(
            evidence_id=derived_id("rehearsal-photo", assignment_id),
            visit_id=visit_id,
            media_type="image/jpeg",
            sha256=hashlib.sha256(data).hexdigest(),
            captured_at=self.now,
            lonlat=lonlat,
            accuracy_m=5.0,
            bearing_deg=45.0,
            coord_source="wgs84",
        )
        self.do(login, patrol.record_evidence, claim, data, blobs=self.demo.runtime.blobs)

    def chip(self, patch_id: UUID) -> bytes:
        """Cut-out of the later image."""
        rows = self.rows(
            "SELECT l.after_chip_sha256 AS chip FROM patch_lead pl JOIN lead l USING (lead_id)"
            " WHERE pl.patch_id = :id AND l.after_chip_sha256 IS NOT NULL LIMIT 1",
            id=patch_id,
        )
        return self.demo.runtime.blobs.read(rows[0]["chip"])

    def judge(
        self,
        patch_id: UUID,
        kind: str,
        code: str | None = None,
        reason: str | None = None,
        *,
        act_ended_on: date | None = None,
    ) -> None:
        """The county's officer signs a verdict."""
        reason = reason or {"unlawful": "evidence_clear"}.get(kind)
        body = VerdictBody(kind, code, reason, "演练：经现场核查认定。", act_ended_on=act_ended_on)
        self.do("officer", patrol.record_verdict, patch_id, body)

    def clock_ends(self, patch_id: UUID, clock: str, day: str) -> str:
        """The last day of a clock of a case, which is known beforehand.

        Raises
        ------
        Defect
            ``webmap.rehearsal.wrong_clock``.
        """
        officer = self.person("officer")
        with self.demo.runtime.database.transaction(officer) as session:
            file = casework.case_file(session, officer, patch_id, now=self.now)
        found = {one.key: one.due_at.astimezone(SHANGHAI).date().isoformat() for one in file.clocks}
        if found.get(clock) != day:
            raise Defect(
                "webmap.rehearsal.wrong_clock", clock=clock, wanted=day, found=found.get(clock) or "-"
            )
        return day

    def image_arrives(self, acquired_at: str) -> None:
        """A later image of the county, the same but for noise, is compared, and watched ground looked at."""
        earlier = self.demo.files.after
        later = self.folder / "later.tif"
        random = np.random.default_rng(2027)
        with rasterio.open(earlier) as source, rasterio.open(later, "w", **source.profile) as sink:
            pixels = source.read()
            noise = np.rint(random.normal(0.0, 3.0, pixels.shape))
            sink.write(np.where(pixels > 0, np.maximum(pixels + noise, 1), 0).astype(pixels.dtype))
            sink.update_tags(**{**source.tags(), "ACQUIRED_AT": acquired_at, "CLOUD_PCT": "0"})
            sink.descriptions = source.descriptions
        runtime = self.demo.runtime
        work_off(runtime, [("ingest.import_scene", {"path": str(later), "county_code": COUNTY_DIGITS})])
        scenes = self.rows(
            "SELECT scene_id FROM scene WHERE kind = 'satellite' ORDER BY acquired_at DESC, scene_id LIMIT 2"
        )
        pair = {"before_scene_id": str(scenes[1]["scene_id"]), "after_scene_id": str(scenes[0]["scene_id"])}
        work_off(runtime, [("detection.detect", pair), ("patrol.watch_closed", {})])

    def move(self, login: str, patch_id: UUID, action: str, reason: str | None = None, **facts: Any) -> None:
        """A move by name."""
        self.do(login, patrol.move_case, patch_id, action, reason_code=reason, facts=facts or None)

    def rectify_and_close(self, patch_id: UUID, *, reason: str = "rectified") -> None:
        """Ordered, reported, re-checked by another, closed by the city; nobody reviews their own work."""
        station = self.holder_of(patch_id, "station")
        self.move(station, patch_id, "report_rectified", "demolished")
        self.recheck_and_close(patch_id, reason=reason)

    def recheck_and_close(self, patch_id: UUID, *, reason: str) -> None:
        """Re-checked by another person, closed by a third."""
        self.refused(patch_id, "officer", "复核本人办理的事项", patrol.move_case, "accept_recheck")
        self.move("reviewer", patch_id, "accept_recheck")
        self.refused(
            patch_id, "reviewer", "销号本人复核的事项", patrol.move_case, "close", reason_code=reason
        )
        self.move("city", patch_id, "close", reason)

    def paper(
        self,
        patch_id: UUID,
        kind: str,
        overrides: Mapping[str, str] | None = None,
        *,
        refers_to: UUID | None = None,
    ) -> UUID:
        """A paper drafted by one, approved by another, issued with its number."""
        blobs = self.demo.runtime.blobs
        given = {key: {"value": value, "reason": "演练填写"} for key, value in (overrides or {}).items()}
        row = self.do(
            "officer", papers.draft_paper, patch_id, kind, overrides=given, refers_to=refers_to, blobs=blobs
        )
        paper_id: UUID = row.paper_id
        if papers_need_two(kind):
            self.do("officer2", papers.approve_paper, paper_id)
        issued = self.do("officer", papers.issue_paper, paper_id, blobs=blobs)
        self.papers.append({"number": self.number(patch_id), "kind": kind, "paper_no": issued.number})
        return paper_id

    def report_again(self, patch_id: UUID, begins: datetime, ends: datetime) -> None:
        """A drone sees the same ground built upon again."""
        outline = self.outline(patch_id)
        sql = "SELECT change_class, division_code FROM patch WHERE patch_id = :id"
        (known,) = self.rows(sql, id=patch_id)
        area_m2 = ellipsoidal_area_m2(outline)
        lead = Lead(
            derived_id("rehearsal-lead", patch_id),
            "drone",
            known["division_code"],
            begins,
            ends,
            outline,
            area_m2,
            area_m2 * 0.97,
            area_m2 * 1.03,
            known["change_class"],
            0.95,
        )
        runtime = self.demo.runtime
        with runtime.database.transaction(runtime.system) as session:
            detection.record_leads(session, runtime.system, [lead], self.now)
            detection.fuse(session, runtime.system, [lead.lead_id], self.now)
            detection.judge(session, runtime.system, patch_id, self.now)


def papers_need_two(kind: str) -> bool:
    """Whether another person approves a paper before it is issued."""
    return bool(paper_kinds()[kind].is_two_person)


def half_of(outline: Any) -> Any:
    """The western part of an outline: what remains when the eastern was there before."""
    west, south, east, north = outline.bounds
    kept = shapely.intersection(outline, shapely.box(west, south, west + 0.6 * (east - west), north))
    return kept if kept.geom_type in {"Polygon", "MultiPolygon"} else affinity.scale(outline, 0.6, 1.0)
