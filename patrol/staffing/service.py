"""Verbs of staffing: bring in a list after a look at it, leave and return, hand a post over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.calendar import SHANGHAI
from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput, NotFound
from foundation.ids import uuid7
from patrol.cases.store import lock_key
from patrol.cases.succession import import_posts, rehome
from patrol.net import service as net
from patrol.net import store
from patrol.net.posts import HEADS, KINDS
from patrol.net.rosters import RosterPreview
from patrol.net.service import PostImport
from patrol.net.sheets import workbook
from patrol.net.tables import AbsenceRow, HandoverRow
from patrol.net.terms import Absence, Tenure, check_absence
from patrol.tables import PostRow

PARTS = ("holder", "deputy")
AHEAD_MOST = timedelta(days=366)
TIER_NAMES = ("一级", "二级", "三级", "四级")


@dataclass(frozen=True)
class Handover:
    """Who takes over a post from what day on."""

    part: str
    name: str
    on: date
    account_id: UUID | None = None
    phone: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Leave:
    """Leave of a post's holder, both days inside, and who stands in meanwhile (else the deputy does)."""

    kind: str
    starts_on: date
    ends_on: date
    stand_in_name: str | None = None
    stand_in_account_id: UUID | None = None
    note: str = ""
    every_post: bool = True


class Staffed(NamedTuple):
    """What came of a change: the patches that have another owner or holder now; the day, if it is to come."""

    post_id: UUID
    moved: tuple[UUID, ...]
    absences: tuple[Absence, ...] = ()
    takes_on: date | None = None


class Coming(NamedTuple):
    """A handover that is arranged for a day to come."""

    handover_id: UUID
    part: str
    name: str
    takes_on: date
    recorded_by_name: str


class History(NamedTuple):
    """Everybody who ever stood in a post, its leaves, and who is to take it over."""

    tenures: tuple[Tenure, ...]
    absences: tuple[Absence, ...]
    coming: tuple[Coming, ...]


def accounts_by_login(session: Session, actor: Actor, logins: Iterable[str]) -> dict[str, UUID]:
    """Accounts of logins inside an area; the session has to be the platform's, which alone sees accounts."""
    rows = session.execute(
        text(
            "SELECT login, account_id FROM account WHERE login = ANY(:logins) AND disabled_at IS NULL"
            " AND starts_with(area_code, :prefix)"
        ),
        {"logins": list(logins), "prefix": actor.area_prefix},
    )
    return {row.login: row.account_id for row in rows}


def logins_of(session: Session, accounts: Iterable[UUID]) -> dict[UUID, str]:
    """Logins of accounts; likewise."""
    rows = session.execute(
        text("SELECT account_id, login FROM account WHERE account_id = ANY(:ids)"), {"ids": list(accounts)}
    )
    return {row.account_id: row.login for row in rows}


def confirm_posts(
    session: Session,
    actor: Actor,
    data: bytes,
    *,
    token: str,
    now: datetime,
    ends_missing: bool = False,
    known_accounts: Mapping[str, UUID],
) -> tuple[RosterPreview, PostImport]:
    """Bring in the list that was looked at, if it would still do the same.

    Raises
    ------
    Conflict
        ``patrol.post.preview_changed``: the file or the posts are others than at the preview;
        ``patrol.post.bad_lines_first``; ``patrol.post.no_owner``.
    """
    lock_key(session, "posts")
    preview = net.preview_posts(
        session, actor, data, now=now, ends_missing=ends_missing, logins=frozenset(known_accounts)
    )
    if preview.token != token:
        raise Conflict("patrol.post.preview_changed")
    report = import_posts(
        session, actor, data, now=now, ends_missing=ends_missing, known_accounts=known_accounts
    )
    return preview, report


def export_posts(session: Session, actor: Actor, *, now: datetime, logins: Mapping[UUID, str]) -> bytes:
    """The posts of the actor's area as Excel, in the form in which they are brought in."""
    require(actor, "post.manage")
    rows = [
        row
        for row in store.post_rows(session, actor.area_code, _today(now))
        if row.division_code.startswith(actor.area_prefix)
    ]
    since = {
        tenure.post_id: tenure.valid_from
        for tenure in store.tenures_of(session, [row.post_id for row in rows])
        if tenure.part == "holder" and tenure.valid_to is None
    }
    audit.record(
        session, actor, "patrol.posts.exported", subject=("posts", "list"), at=now, facts={"count": len(rows)}
    )
    return _roster([_line(row, since, logins) for row in rows])


def blank_roster() -> bytes:
    """An empty list with its heads, choices and how to fill it in."""
    return _roster([])


def take_leave(session: Session, actor: Actor, post_id: UUID, leave: Leave, *, now: datetime) -> Staffed:
    """Write down leave of a post's holder; in all posts of this person, if wanted.

    Open work goes to whoever stands in when the leave begins, and comes back with the holder.

    Raises
    ------
    InvalidInput
        ``patrol.absence.*``.
    Conflict
        ``patrol.absence.nobody``: the post has no holder; ``patrol.absence.overlaps``.
    """
    post = net.get_post(session, post_id)
    require(actor, "post.staff", post.division_code)
    check_absence(leave.kind, leave.starts_on, leave.ends_on)
    if not post.holder_name:
        raise Conflict("patrol.absence.nobody", post=post.title)
    if leave.stand_in_name and leave.stand_in_name == post.holder_name:
        raise InvalidInput("patrol.absence.own_stand_in")
    account_id = post.holder_account_id if leave.every_post else None
    rows = [
        row
        for row in store.lock_posts_of(session, post_id, account_id)
        if row.division_code.startswith(actor.area_prefix)
    ]
    _check_free(session, rows, leave)
    absences = [_absence(actor, row, leave, now=now) for row in rows]
    session.add_all(absences)
    session.flush()
    facts = {
        "posts": [row.post_no for row in rows],
        "kind": leave.kind,
        "starts_on": str(leave.starts_on),
        "ends_on": str(leave.ends_on),
    }
    audit.record(session, actor, "patrol.absence.recorded", subject=("post", post_id), at=now, facts=facts)
    moved = rehome(session, actor, now=now)
    return Staffed(post_id, tuple(moved), tuple(store.absence_of(row) for row in absences))


def end_leave(session: Session, actor: Actor, absence_id: UUID, *, back_on: date, now: datetime) -> Staffed:
    """Somebody is back earlier than written down, from ``back_on``; before it began, the leave is taken back.

    Raises
    ------
    NotFound
        ``patrol.absence.not_found``.
    Conflict
        ``patrol.absence.over``: it ended before that day.
    """
    row = store.lock_absence(session, absence_id)
    if row is None:
        raise NotFound("patrol.absence.not_found")
    require(actor, "post.staff", row.division_code)
    if row.is_cancelled or row.ends_on < back_on:
        raise Conflict("patrol.absence.over", ends_on=str(row.ends_on))
    if back_on <= row.starts_on:
        row.is_cancelled = True
    else:
        row.ends_on = back_on - timedelta(days=1)
    session.flush()
    facts = {"absence_id": str(absence_id), "back_on": str(back_on)}
    audit.record(session, actor, "patrol.absence.ended", subject=("post", row.post_id), at=now, facts=facts)
    return Staffed(row.post_id, tuple(rehome(session, actor, now=now)))


def hand_over(session: Session, actor: Actor, post_id: UUID, to: Handover, *, now: datetime) -> Staffed:
    """Somebody else takes a post over; open work of whoever leaves moves in the same transaction.

    On a day to come it is arranged: the platform carries it out on that day, until then it may be called off.

    Raises
    ------
    InvalidInput
        ``patrol.post.bad_part``, ``patrol.post.no_name``, ``patrol.post.handover_too_far`` or
        ``patrol.post.same_person``.
    Conflict
        ``patrol.post.handover_arranged``: another one of this part of the post is to come.
    """
    post = net.get_post(session, post_id)
    require(actor, "post.staff", post.division_code)
    _check_handover(to, post.holder_name if to.part == "holder" else post.deputy_name or "", _today(now))
    (row,) = store.lock_posts_of(session, post_id, None)
    if to.on > _today(now):
        return _arrange(session, actor, row, to, now=now)
    return _take_over(session, actor, row, to, now=now)


def call_off(session: Session, actor: Actor, handover_id: UUID, *, now: datetime) -> None:
    """An arranged handover will not be.

    Raises
    ------
    NotFound
        ``patrol.handover.not_found``.
    Conflict
        ``patrol.handover.settled``.
    """
    row = store.lock_handover(session, handover_id)
    if row is None:
        raise NotFound("patrol.handover.not_found", handover_id=str(handover_id))
    require(actor, "post.staff", row.division_code)
    if row.outcome is not None:
        raise Conflict("patrol.handover.settled", on=str(row.takes_on))
    row.settled_at, row.outcome = now, "cancelled"
    session.flush()
    facts = {"to": row.person_name, "on": str(row.takes_on), "part": row.part}
    audit.record(
        session, actor, "patrol.post.handover_called_off", subject=("post", row.post_id), at=now, facts=facts
    )


def hand_over_due(session: Session, actor: Actor, *, now: datetime) -> list[UUID]:
    """Carry out the arranged handovers whose day has come; the posts."""
    require(actor, "clock.run")
    posts = []
    for coming in store.handovers_to_come(session, on=_today(now)):
        row = store.lock_handover(session, coming.handover_id)
        if row is None or row.outcome is not None:
            continue
        (post,) = store.lock_posts_of(session, row.post_id, None)
        before = post.holder_name if row.part == "holder" else post.deputy_name
        row.settled_at, row.outcome = now, "done"
        if post.valid_to is not None or before == row.person_name:
            row.outcome = "void"
            session.flush()
            continue
        to = Handover(row.part, row.person_name, row.takes_on, row.account_id, row.phone, row.note)
        _take_over(session, actor, post, to, now=now)
        posts.append(row.post_id)
    return posts


def _arrange(session: Session, actor: Actor, post: PostRow, to: Handover, *, now: datetime) -> Staffed:
    for known in store.handovers_to_come(session, post_ids=[post.post_id]):
        if known.part == to.part:
            raise Conflict("patrol.post.handover_arranged", name=known.person_name, on=str(known.takes_on))
    session.add(
        HandoverRow(
            handover_id=uuid7(now),
            post_id=post.post_id,
            division_code=post.division_code,
            part=to.part,
            person_name=to.name,
            account_id=to.account_id,
            phone=to.phone,
            takes_on=to.on,
            note=to.note,
            recorded_at=now,
            recorded_by=actor.account_id,
            recorded_by_name=actor.name,
        )
    )
    session.flush()
    facts = {"post_no": post.post_no, "part": to.part, "to": to.name, "on": str(to.on)}
    audit.record(
        session, actor, "patrol.post.handover_arranged", subject=("post", post.post_id), at=now, facts=facts
    )
    return Staffed(post.post_id, (), takes_on=to.on)


def _take_over(session: Session, actor: Actor, row: PostRow, to: Handover, *, now: datetime) -> Staffed:
    post_id = row.post_id
    before = row.holder_name if to.part == "holder" else row.deputy_name or ""
    if to.part == "holder":
        row.holder_name, row.holder_account_id, row.holder_phone = to.name, to.account_id, to.phone
        if row.deputy_name == to.name:
            row.deputy_name = row.deputy_account_id = row.deputy_phone = None
    else:
        row.deputy_name, row.deputy_account_id, row.deputy_phone = to.name, to.account_id, to.phone
    session.flush()
    net.settle_tenures(session, actor, now=now, since={post_id: to.on})
    facts = {"post_no": row.post_no, "part": to.part, "from": before, "to": to.name, "on": str(to.on)}
    if to.note:
        facts["note"] = to.note
    audit.record(session, actor, "patrol.post.handed_over", subject=("post", post_id), at=now, facts=facts)
    return Staffed(post_id, tuple(rehome(session, actor, now=now)))


def history_of(session: Session, actor: Actor, post_id: UUID) -> History:
    """Everybody who ever stood in a post, and its leaves.

    Raises
    ------
    NotFound
        ``patrol.post.not_found``, or outside the actor's area.
    """
    post = net.get_post(session, post_id)
    require(actor, "net.view", post.division_code)
    coming = [
        Coming(row.handover_id, row.part, row.person_name, row.takes_on, row.recorded_by_name)
        for row in store.handovers_to_come(session, post_ids=[post_id])
    ]
    return History(
        tuple(store.tenures_of(session, [post_id])),
        tuple(store.absences_of(session, [post_id])),
        tuple(coming),
    )


def _check_handover(to: Handover, before: str, today: date) -> None:
    if to.part not in PARTS:
        raise InvalidInput("patrol.post.bad_part", given=to.part[:20], accepted=list(PARTS))
    if not to.name.strip():
        raise InvalidInput("patrol.post.no_name")
    if to.on > today + AHEAD_MOST:
        raise InvalidInput("patrol.post.handover_too_far", on=str(to.on), days=AHEAD_MOST.days)
    if to.name == before:
        raise InvalidInput("patrol.post.same_person", name=to.name)


def _check_free(session: Session, rows: Sequence[PostRow], leave: Leave) -> None:
    names = {row.post_id: row.holder_name for row in rows}
    for other in store.absences_between(session, leave.starts_on, leave.ends_on):
        if names.get(other.post_id) == other.name:
            raise Conflict(
                "patrol.absence.overlaps", starts_on=str(other.starts_on), ends_on=str(other.ends_on)
            )


def _absence(actor: Actor, row: PostRow, leave: Leave, *, now: datetime) -> AbsenceRow:
    return AbsenceRow(
        absence_id=uuid7(now),
        post_id=row.post_id,
        division_code=row.division_code,
        person_name=row.holder_name,
        account_id=row.holder_account_id,
        recorded_at=now,
        recorded_by=actor.account_id,
        recorded_by_name=actor.name,
        kind=leave.kind,
        starts_on=leave.starts_on,
        ends_on=leave.ends_on,
        stand_in_name=leave.stand_in_name,
        stand_in_account_id=leave.stand_in_account_id,
        note=leave.note,
    )


def _line(row: PostRow, since: Mapping[UUID, date], logins: Mapping[UUID, str]) -> list[str]:
    day = since.get(row.post_id)
    cells = {
        "post_no": row.post_no,
        "title": row.title,
        "tier": TIER_NAMES[row.tier - 1],
        "kind": KINDS[row.kind],
        "division_code": row.division_code,
        "holder": row.holder_name,
        "deputy": row.deputy_name or "",
        "login": logins.get(row.holder_account_id, "") if row.holder_account_id else "",
        "holder_phone": row.holder_phone or "",
        "deputy_phone": row.deputy_phone or "",
        "since": day.isoformat() if day else "",
    }
    return [cells[name] for name in HEADS] + [divisions().full_name(row.division_code)]


def _roster(lines: Sequence[Sequence[str]]) -> bytes:
    letters = dict(zip(HEADS, "ABCDEFGHIJK", strict=True))
    notes = (
        ("岗位编号", "必填，全市唯一。编号不变即为同一岗位。"),
        ("岗位名称", "必填，如“西虢镇田长”。名称中写明网格编号或网格名称的网格员，负责该网格。"),
        ("层级", "必填：一级（市）、二级（县）、三级（乡镇）、四级（村）。"),
        ("岗位类型", "必填：" + "、".join(KINDS.values()) + "。"),
        ("区划代码", "必填，12 位，级别与层级一致。"),
        ("责任人", "空岗时留空，由代理人代行；代理人也没有的，由上一级负责。"),
        ("代理人", "责任人离岗时代行职责，不能与责任人是同一人。"),
        ("登录名", "责任人的账号。一人兼任多岗的，各行填同一登录名。"),
        ("责任人电话、代理人电话", "留空则保留原有电话。"),
        ("到岗日期", "写成 2026-09-01。换人时留空，按导入当日计。应巡次数按在岗天数折算。"),
        ("区划名称", "导出时附上，便于核对，导入时不读。"),
    )
    return workbook(
        [("岗位名单", [*HEADS.values(), "区划名称"], lines), ("填写说明", ["栏目", "说明"], notes)],
        **{letters["tier"]: ",".join(TIER_NAMES), letters["kind"]: ",".join(KINDS.values())},
    )


def _today(now: datetime) -> date:
    return now.astimezone(SHANGHAI).date()
