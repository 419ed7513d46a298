"""What a case's evidence bundle holds, file by file: it follows from the state of the case, not the hour."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from detection import service as detection
from detection.desk import service as desk
from detection.judgements import Judgement
from detection.leads import Lead
from foundation.access import Actor, require
from foundation.blobs import BlobStore
from foundation.calendar import SHANGHAI
from foundation.errors import NotFound
from patrol.cases import store as cases
from patrol.custody import store as own
from patrol.custody.archive import Content
from patrol.custody.service import reviews_of, step_view
from patrol.custody.views import CustodyStep
from patrol.lists import service as lists
from patrol.lists.views import CaseDetail
from patrol.tables import EvidenceRow
from patrol.visits import store
from patrol.visits.evidence import SUFFIXES, kind_name
from patrol.visits.plausibility import evidence_policy, sentence, view_sector

VIEW_LENGTH_M = 120.0
MOMENT_BOUND = frozenset({"remaining_wd", "actions", "undo", "reasons"})
"""What depends on the hour or on who looks: left out, so that the same state gives the same bytes."""
FORMULA = ("=", "+", "-", "@", "\t")


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything of one case that goes into its bundle, as it stands now.

    Attributes
    ----------
    outline_4490 : geometry
    places, visit_places : mapping
        Evidence and visit id -> lon/lat, EPSG:4490.
    subjects : tuple of str
        Ids that the audit chain knows the case by.
    """

    patch_id: UUID
    number: str
    division_code: str
    outline_4490: BaseGeometry
    case: CaseDetail
    judgement: Judgement | None
    replay: str
    evidence: tuple[EvidenceRow, ...]
    places: Mapping[UUID, tuple[float, float]]
    visit_places: Mapping[UUID, tuple[float, float]]
    tracks: tuple[Mapping[str, Any], ...]
    custody: tuple[CustodyStep, ...]
    reviews: Mapping[UUID, tuple[Any, ...]]
    chips: Mapping[str, str]
    subjects: tuple[str, ...]

    @property
    def as_of(self) -> datetime:
        """The newest thing that the file holds."""
        moments = [self.case.row.updated_at, *(step.at for step in self.custody)]
        return max(moments).astimezone(SHANGHAI)


def collect(session: Session, actor: Actor, patch_id: UUID, *, blobs: BlobStore, now: datetime) -> CaseFile:
    """Read a case's whole file.

    Raises
    ------
    NotFound
        ``patrol.case.not_found``, also outside the actor's area.
    NotAllowed
        Without ``evidence.export``.
    """
    place = store.place_of_patch(session, patch_id)
    if place is None:
        raise NotFound("patrol.case.not_found", patch_id=str(patch_id))
    require(actor, "evidence.export", place.division_code)
    case = lists.case_detail(session, actor, patch_id, now=now, undo_minutes=0, blobs=blobs)
    found = detection.patch_detail(session, actor, patch_id)
    evidence = tuple(cases.evidence_of(session, patch_id))
    steps = store.custody_of_patch(session, patch_id)
    return CaseFile(
        patch_id=patch_id,
        number=place.number,
        division_code=place.division_code,
        outline_4490=place.outline_4490,
        case=case,
        judgement=found.judgement,
        replay=_replayed(session, actor, found.judgement),
        evidence=evidence,
        places=cases.locations_of(session, [row.evidence_id for row in evidence]),
        visit_places=own.visit_places(session, patch_id),
        tracks=tuple(own.tracks_of(session, patch_id)),
        custody=tuple(step_view(step) for step in steps),
        reviews={
            row.evidence_id: reviews_of([step for step in steps if step.evidence_id == row.evidence_id])
            for row in evidence
        },
        chips=_chips(found.leads, blobs),
        subjects=_subjects(patch_id, case, evidence, found.judgement, found.leads),
    )


def data_files(file: CaseFile, blobs: BlobStore) -> dict[str, Content]:
    """The data of the bundle: all but summary, map, chain and sums.

    Returns
    -------
    dict
        Path inside the archive -> content; originals as the files they are.
    """
    files: dict[str, Content] = {
        "case.json": to_json(case_facts(file)),
        "timeline.csv": _timeline(file),
        "custody.json": to_json([plain(step) for step in file.custody]),
        "custody.csv": _custody(file),
        "evidence.csv": _evidence(file),
        "evidence.json": to_json([evidence_facts(file, row) for row in file.evidence]),
        "track.geojson": to_json(geojson(file)),
    }
    if file.judgement is not None:
        files["judgement/inputs.json"] = file.judgement.inputs_text.encode()
        files["judgement/result.json"] = file.judgement.result_text.encode()
        files["judgement/说明.txt"] = _judgement_text(file, file.judgement)
    for moment, sha256 in file.chips.items():
        files[f"chips/{moment}.jpg"] = blobs.path(sha256)
    for row in file.evidence:
        files[name_of(file, row)] = blobs.path(row.sha256)
    return files


def name_of(file: CaseFile, row: EvidenceRow) -> str:
    """Where a piece of evidence lies in the archive."""
    number = file.evidence.index(row) + 1
    return f"evidence/{number:03d}-{row.kind}-{row.evidence_id}.{SUFFIXES.get(row.media_type, 'bin')}"


def case_facts(file: CaseFile) -> dict[str, Any]:
    """The case as JSON values."""
    facts: dict[str, Any] = plain({name: getattr(file.case, name) for name in CASE_FIELDS})
    facts["patch"] = facts.pop("row")
    return facts | {
        "as_of": file.as_of.isoformat(),
        "outline": json.loads(shapely.to_geojson(file.outline_4490)),
        "crs": "EPSG:4490",
    }


def evidence_facts(file: CaseFile, row: EvidenceRow) -> dict[str, Any]:
    """One piece of evidence as JSON values."""
    values = {name: getattr(row, name) for name in EVIDENCE_FIELDS}
    return plain(  # type: ignore[no-any-return]
        values
        | {
            "file": name_of(file, row),
            "kind_name": kind_name(row.kind),
            "lonlat": file.places.get(row.evidence_id),
            "findings": [{**found, "text": sentence(found)} for found in row.doubts],
            "reviews": list(file.reviews[row.evidence_id]),
        }
    )


def geojson(file: CaseFile) -> dict[str, Any]:
    """Outline, tracks, places of visits and captures, and what each picture takes in: EPSG:4490, lon/lat."""
    features = [_feature(json.loads(shapely.to_geojson(file.outline_4490)), kind="outline", name=file.number)]
    features += [
        _feature(
            track["line"],
            kind="track",
            name="巡查轨迹",
            from_at=track["started_at"],
            to_at=track["ended_at"],
        )
        for track in file.tracks
    ]
    for visit in file.case.visits:
        if visit.visit_id in file.visit_places:
            point = {"type": "Point", "coordinates": list(file.visit_places[visit.visit_id])}
            features.append(
                _feature(
                    point,
                    kind="visit",
                    name=f"核查 {visit.visitor_name}：{visit.finding_name}",
                    at=visit.device_time,
                    accuracy_m=visit.accuracy_m,
                )
            )
    for row in file.evidence:
        features += _capture_features(file, row)
    return {"type": "FeatureCollection", "features": features}


def to_json(value: Any) -> bytes:
    """Readable JSON with sorted keys: the same value gives the same bytes."""
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()


def plain(value: Any) -> Any:
    """JSON values of views and rows; moments in +08:00."""
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).isoformat()
    if isinstance(value, UUID | date):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {key: plain(each) for key, each in asdict(value).items() if key not in MOMENT_BOUND}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items() if key not in MOMENT_BOUND}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


CASE_FIELDS = (
    "row",
    "is_urgent",
    "opened_at",
    "watch_until",
    "stage",
    "stage_name",
    "verdict",
    "timeline",
    "assignments",
    "visits",
)


EVIDENCE_FIELDS = (
    *("evidence_id", "visit_id", "kind", "title", "media_type", "sha256", "sm3", "size", "captured_at"),
    *("received_at", "accuracy_m", "bearing_deg", "coord_source", "distance_m", "plausibility", "flags"),
    *("claims", "is_reviewed", "by_name"),
)


def _capture_features(file: CaseFile, row: EvidenceRow) -> list[dict[str, Any]]:
    lonlat = file.places.get(row.evidence_id)
    if lonlat is None:
        return []
    facts = {"name": kind_name(row.kind), "file": name_of(file, row), "at": row.captured_at}
    facts |= {"bearing_deg": row.bearing_deg, "accuracy_m": row.accuracy_m, "plausibility": row.plausibility}
    found = [_feature({"type": "Point", "coordinates": list(lonlat)}, kind="capture", **facts)]
    if row.bearing_deg is not None and row.kind == "photo":
        said = row.claims.get("sender", {}).get("fov_deg")
        fov_deg = said or evidence_policy()["checks"]["view"]["fov_deg"]
        sector = view_sector(lonlat, bearing_deg=row.bearing_deg, fov_deg=fov_deg, range_m=VIEW_LENGTH_M)
        shape = json.loads(shapely.to_geojson(shapely.set_precision(sector, 1e-7)))
        found.append(_feature(shape, kind="view", name="视线范围", file=facts["file"]))
    return found


def _feature(geometry: Mapping[str, Any], **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": dict(geometry), "properties": plain(properties)}


def _replayed(session: Session, actor: Actor, judgement: Judgement | None) -> str:
    """Whether the judgement, made again from its stored inputs, is the stored one byte for byte."""
    if judgement is None:
        return ""
    again = desk.replay(session, actor, judgement.patch_id)
    if again.is_equal:
        return f"按存档的输入和规则重新判定，结果与原结论逐字节一致（SHA-256 {again.again_sha256}）。"
    faults = "、".join(REPLAY_FAULTS.get(fault, fault) for fault in again.faults) or "结果有差异"
    return f"按存档的输入和规则重新判定，未能重现原结论：{faults}。"


REPLAY_FAULTS = {
    "inputs_unreadable": "输入无法读取",
    "inputs_altered": "输入被改动",
    "rules_missing": "规则未存档",
    "rules_altered": "规则被改动",
    "result_altered": "结果被改动",
    "columns_altered": "结论摘要被改动",
    "not_evaluable": "输入无法判定",
}


def _judgement_text(file: CaseFile, judgement: Judgement) -> bytes:
    at = judgement.made_at.astimezone(SHANGHAI)
    lines = [f"内业判定 第 {judgement.revision} 次  {at:%Y-%m-%d %H:%M}", "", *sentences_of(judgement), ""]
    lines += [f"规则 SHA-256  {judgement.inputs.get('rules_sha256', '—')}", file.replay]
    return ("\n".join(lines) + "\n").encode()


def sentences_of(judgement: Judgement) -> list[str]:
    """The judgement as it is explained, sentence by sentence."""
    return [str(row.get("text", "")) for row in judgement.result.get("sentences", [])]


def _chips(leads: Sequence[Lead], blobs: BlobStore) -> dict[str, str]:
    """Newest cut-outs before and after, as far as they are there."""
    ordered = sorted(leads, key=lambda lead: (lead.observed_to, str(lead.lead_id)), reverse=True)
    chips = {}
    for moment in ("before", "after"):
        hashes = (getattr(lead, f"{moment}_chip_sha256") for lead in ordered)
        found = next((sha256 for sha256 in hashes if sha256 and sha256 in blobs), None)
        if found:
            chips[moment] = found
    return chips


def _subjects(
    patch_id: UUID,
    case: CaseDetail,
    evidence: Sequence[EvidenceRow],
    judgement: Judgement | None,
    leads: Sequence[Lead],
) -> tuple[str, ...]:
    found: list[UUID] = [patch_id]
    found += [row.assignment_id for row in case.assignments]
    found += [row.visit_id for row in case.visits]
    found += [row.evidence_id for row in evidence]
    found += [lead.lead_id for lead in leads]
    found += [judgement.judgement_id] if judgement else []
    return tuple(str(each) for each in found)


def _timeline(file: CaseFile) -> bytes:
    rows = [
        (
            entry.at.astimezone(SHANGHAI).isoformat(),
            entry.actor_name,
            entry.action_name,
            entry.from_state or "",
            entry.to_state,
            entry.reason_name or "",
            entry.note or "",
            "是" if entry.is_undone else "",
            entry.version,
        )
        for entry in file.case.timeline
    ]
    return _csv(("时间", "办理人", "事项", "原状态", "新状态", "理由", "说明", "已撤销", "版本"), rows)


def _custody(file: CaseFile) -> bytes:
    names = {row.evidence_id: name_of(file, row) for row in file.evidence}
    rows = [
        (
            step.seq,
            names.get(step.evidence_id, "") if step.evidence_id else "（整卷）",
            step.step_name,
            step.at.astimezone(SHANGHAI).isoformat(),
            step.actor_name,
            step.sha256,
            step.sm3 or "",
            json.dumps(plain(step.facts), ensure_ascii=False, sort_keys=True),
        )
        for step in file.custody
    ]
    return _csv(("序号", "材料", "环节", "时间", "经手人", "SHA-256", "SM3", "说明"), rows)


def _evidence(file: CaseFile) -> bytes:
    rows = [
        (
            name_of(file, row),
            kind_name(row.kind),
            row.title or "",
            row.captured_at.astimezone(SHANGHAI).isoformat(),
            row.received_at.astimezone(SHANGHAI).isoformat(),
            row.by_name,
            "" if row.bearing_deg is None else f"{row.bearing_deg:.0f}",
            "" if row.distance_m is None else f"{row.distance_m:.0f}",
            "" if row.plausibility is None else f"{row.plausibility:.2f}",
            "、".join(row.flags),
            "是" if row.is_reviewed else "否",
            row.sha256,
            row.sm3 or "",
        )
        for row in file.evidence
    ]
    head = (
        "文件",
        "种类",
        "名称",
        "采集时间",
        "接收时间",
        "采集人",
        "方位角",
        "距图斑（米）",
        "可信度",
        "疑点",
    )
    return _csv((*head, "已审核", "SHA-256", "SM3"), rows)


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """With a byte-order mark, as office programs expect; no cell begins a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    for row in rows:
        cells = (str(cell) for cell in row)
        writer.writerow("'" + cell if cell.startswith(FORMULA) else cell for cell in cells)
    return b"\xef\xbb\xbf" + text.getvalue().encode()
