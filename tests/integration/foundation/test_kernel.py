"""The kernel on a real database: rows and audit commit together, area rights hold below the code."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from foundation import accounts, audit
from foundation.access import Actor
from foundation.clock import SteppedClock
from foundation.errors import InvalidInput, NotAllowed, NotAuthenticated, Unavailable
from foundation.jobs import conninfo, failed_jobs
from foundation.runtime import Runtime

COUNTY = "410883000000"


def officer(area_code: str, role: str = "county_officer") -> Actor:
    return Actor(uuid4(), f"t-{area_code}", "测试员", role, area_code)


def add_patrol(runtime: Runtime, division_code: str) -> None:
    with runtime.database.transaction(runtime.system) as session:
        session.execute(
            text(
                "INSERT INTO patrol (patrol_id, post_id, division_code, started_at, ended_at, fixes,"
                " fix_count,"
                " distance_m, duration_min, tasks_visited, is_valid, reasons, body_sha256)"
                " VALUES (:id, :post, :code, now(), now(), '', 0, 0, 0, 0, false, '[]', '')"
            ),
            {"id": uuid4(), "post": _post(session, division_code), "code": division_code},
        )


def _post(session, division_code):  # type: ignore[no-untyped-def]
    identity = uuid4()
    session.execute(
        text(
            "INSERT INTO post (post_id, post_no, title, tier, kind, division_code, holder_name, valid_from)"
            " VALUES (:id, :no, '网格员', 4, 'grid_officer', :code, '张某', '2026-01-01')"
        ),
        {"id": identity, "no": str(identity), "code": division_code},
    )
    return identity


def test_audit_chain_commits_with_the_write_or_not_at_all(runtime: Runtime, clock: SteppedClock) -> None:
    def write(*, fail: bool) -> None:
        with runtime.database.transaction(runtime.system) as session:
            audit.record(session, runtime.system, "t.thing.done", subject=("thing", "1"), at=clock())
            if fail:
                raise RuntimeError("after the write")

    write(fail=False)
    with pytest.raises(RuntimeError):
        write(fail=True)
    write(fail=False)
    with runtime.database.transaction(runtime.system) as session:
        assert audit.verify_chain(session) is None
        assert session.execute(text("SELECT array_agg(seq ORDER BY seq) FROM audit_entry")).scalar() == [1, 2]


@pytest.mark.parametrize(
    ("tamper", "seq"),
    [
        ("UPDATE audit_entry SET actor_name = '别人' WHERE seq = 2", 2),
        ("DELETE FROM audit_entry WHERE seq = 2", 2),
        ("DELETE FROM audit_entry WHERE seq = 4", 4),
        ("UPDATE audit_entry SET seq = CASE seq WHEN 2 THEN 30 ELSE seq END WHERE seq = 2", 2),
    ],
)
def test_tampering_is_found_and_the_row_named(
    runtime: Runtime, clock: SteppedClock, owner_url: str, tamper: str, seq: int
) -> None:
    for number in range(4):
        with runtime.database.transaction(runtime.system) as session:
            audit.record(session, runtime.system, "t.thing.done", subject=("thing", str(number)), at=clock())
    with psycopg.connect(conninfo(owner_url)) as owner:
        owner.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        owner.execute(tamper)  # type: ignore[call-overload]
    with runtime.database.transaction(runtime.system) as session:
        fault = audit.verify_chain(session)
    assert fault is not None
    assert fault.seq == seq


def test_the_chain_refuses_changes_even_from_its_owner(
    runtime: Runtime, clock: SteppedClock, owner_url: str
) -> None:
    with runtime.database.transaction(runtime.system) as session:
        audit.record(session, runtime.system, "t.thing.done", subject=("thing", "1"), at=clock())
    with psycopg.connect(conninfo(owner_url)) as owner, pytest.raises(psycopg.errors.RaiseException):
        owner.execute("DELETE FROM audit_entry")


@pytest.mark.parametrize(
    ("area_code", "seen"),
    [("410883000000", 2), ("410883105000", 1), ("410883105202", 0), ("410882000000", 0), ("410800000000", 2)],
)
def test_row_level_security_shows_only_the_area(runtime: Runtime, area_code: str, seen: int) -> None:
    add_patrol(runtime, "410883105201")
    add_patrol(runtime, "410883201201")
    with runtime.database.transaction(officer(area_code)) as session:
        assert session.execute(text("SELECT count(*) FROM patrol")).scalar() == seen


def test_no_area_no_rows(runtime: Runtime) -> None:
    add_patrol(runtime, "410883105201")
    with runtime.database.engine.connect() as bare:
        assert bare.execute(text("SELECT count(*) FROM patrol")).scalar() == 0


@pytest.mark.parametrize(
    "statement", ["DELETE FROM lead", "TRUNCATE patch", "DROP TABLE patch", "SET ROLE landwarden_owner"]
)
def test_the_application_role_cannot_destroy(runtime: Runtime, statement: str) -> None:
    with pytest.raises(DBAPIError), runtime.database.transaction(runtime.system) as session:
        session.execute(text(statement))


def make_account(runtime: Runtime, clock: SteppedClock) -> None:
    with runtime.database.transaction(runtime.system) as session:
        accounts.create_account(
            session, runtime.system, login="li", name="李某", role="county_officer", area_code=COUNTY,
            password="correct-密码-1", now=clock(),
        )  # fmt: skip


def sign_in(runtime: Runtime, clock: SteppedClock) -> Callable[[str], accounts.SignIn | None]:
    def attempt(password: str) -> accounts.SignIn | None:
        with runtime.database.transaction(runtime.system) as session:
            return accounts.sign_in(session, "li", password, now=clock())

    return attempt


def test_sign_in_out_and_expiry(runtime: Runtime, clock: SteppedClock) -> None:
    make_account(runtime, clock)
    attempt = sign_in(runtime, clock)
    assert attempt("错误的密码") is None
    first, second = attempt("correct-密码-1"), attempt("correct-密码-1")
    assert first is not None
    assert second is not None
    with runtime.database.transaction(runtime.system) as session:
        assert accounts.actor_of_token(session, first.token, now=clock()).login == "li"
        accounts.sign_out(session, first.token, now=clock())
    for token, now in ((first.token, clock()), (second.token, second.expires_at), ("nothing", clock())):
        with pytest.raises(NotAuthenticated), runtime.database.transaction(runtime.system) as session:
            accounts.actor_of_token(session, token, now=now)


def test_lock_out_after_many_wrong_tries(runtime: Runtime, clock: SteppedClock) -> None:
    make_account(runtime, clock)
    attempt = sign_in(runtime, clock)
    for _ in range(accounts.FAILURES_BEFORE_LOCK):
        assert attempt("错误的密码") is None
    assert attempt("correct-密码-1") is None


def test_only_those_with_the_right_make_accounts(runtime: Runtime, clock: SteppedClock) -> None:
    actor = officer(COUNTY)
    with pytest.raises(NotAllowed), runtime.database.transaction(actor) as session:
        accounts.create_account(
            session,
            actor,
            login="x",
            name="x",
            role="manager",
            area_code=COUNTY,
            password="12345678",
            now=clock(),
        )


def test_a_job_commits_with_its_transaction_and_runs_once(runtime: Runtime) -> None:
    ran: list[int] = []
    runtime.queue.add("t.count", lambda _runtime, number: ran.append(number))
    with runtime.database.transaction(runtime.system) as session:
        runtime.queue.defer(session, "t.count", number=1)
    with contextlib.suppress(RuntimeError), runtime.database.transaction(runtime.system) as session:
        runtime.queue.defer(session, "t.count", number=2)
        raise RuntimeError("rolled back")
    runtime.queue.work(until_empty=True)
    runtime.queue.work(until_empty=True)
    assert ran == [1]


def test_refused_work_is_not_tried_again_and_stays_visible(runtime: Runtime) -> None:
    tries: list[str] = []

    def refuse(_runtime: Runtime) -> None:
        tries.append("t")
        raise InvalidInput("foundation.division.unknown", code="1")

    runtime.queue.add("t.refuse", refuse)
    with runtime.database.transaction(runtime.system) as session:
        runtime.queue.defer(session, "t.refuse")
    runtime.queue.work(until_empty=True)
    with runtime.database.transaction(runtime.system) as session:
        assert [job["task_name"] for job in failed_jobs(session)] == ["t.refuse"]
    assert tries == ["t"]


def test_a_job_whose_worker_died_is_revived(runtime: Runtime) -> None:
    ran: list[int] = []
    runtime.queue.add("t.once", lambda _runtime: ran.append(1))
    with runtime.database.transaction(runtime.system) as session:
        runtime.queue.defer(session, "t.once")
        session.execute(
            text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
        )
        session.execute(
            text(
                "UPDATE procrastinate_jobs SET status = 'doing',"
                " worker_id = (SELECT id FROM procrastinate_workers)"
            )
        )
    runtime.queue.work(until_empty=True)
    assert ran == [1]


def test_a_passing_fault_is_tried_again(runtime: Runtime) -> None:
    tries: list[int] = []

    def stumble(_runtime: Runtime) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise Unavailable("foundation.database.unreachable", reason="t")

    runtime.queue.add("t.stumble", stumble)
    with runtime.database.transaction(runtime.system) as session:
        runtime.queue.defer(session, "t.stumble")
    runtime.queue.work(until_empty=True)
    assert len(tries) == 2
