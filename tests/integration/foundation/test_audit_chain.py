"""Heads taken elsewhere: every edit, deletion, swap, cut and recomputation is found, and the entry named."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from foundation import audit, audit_heads
from foundation.access import Actor
from foundation.clock import SteppedClock
from foundation.db import set_actor
from foundation.errors import Conflict, InvalidInput, NotAllowed, Unavailable
from foundation.ids import derived_id
from foundation.runtime import Runtime
from foundation.signing import InstallationKey, fingerprint_of, is_signed_by

ENTRIES, ROUNDS = 48, 60
Tamper = Callable[[Session, random.Random], int]


def write(runtime: Runtime, clock: SteppedClock, count: int, start: int = 1) -> None:
    for number in range(start, start + count):
        with runtime.database.transaction(runtime.system) as session:
            facts = {"n": number, "备注": "修改前"}
            audit.record(
                session,
                runtime.system,
                "t.thing.done",
                subject=("thing", str(number)),
                at=clock(),
                facts=facts,
            )


def export(runtime: Runtime) -> audit_heads.ExportedHead | None:
    return audit_heads.export_now(runtime)


def change(session: Session, seq: int) -> None:
    session.execute(
        text("UPDATE audit_entry SET facts = replace(facts, '前', '后') WHERE seq = :seq"), {"seq": seq}
    )


def rehash(session: Session, first: int, *, only: bool = False) -> None:
    """What a forger does: link the chain anew from an entry on, and set the head row to it."""
    previous = audit.GENESIS
    if first > 1:
        previous = session.execute(
            text("SELECT hash FROM audit_entry WHERE seq = :seq"), {"seq": first - 1}
        ).scalar_one()
    rows = session.execute(
        text("SELECT * FROM audit_entry WHERE seq >= :first ORDER BY seq"), {"first": first}
    ).mappings()
    seq = first - 1
    for seq, row in enumerate(rows.all(), start=first):
        digest = audit.entry_hash(seq, previous, audit.entry_of(row))
        session.execute(
            text("UPDATE audit_entry SET seq = :new, prev_hash = :before, hash = :hash WHERE seq = :seq"),
            {"new": seq, "seq": row["seq"], "before": previous, "hash": digest},
        )
        previous = digest
        if only:
            return
    session.execute(text("UPDATE audit_head SET seq = :seq, hash = :hash"), {"seq": seq, "hash": previous})


def edit(session: Session, draw: random.Random) -> int:
    seq = draw.randint(1, ENTRIES)
    change(session, seq)
    if draw.random() < 0.5:
        rehash(session, seq, only=True)
    return seq


def delete(session: Session, draw: random.Random) -> int:
    seq = draw.randint(1, ENTRIES)
    session.execute(text("DELETE FROM audit_entry WHERE seq = :seq"), {"seq": seq})
    if draw.random() < 0.5:
        rehash(session, seq)
    return seq


def swap(session: Session, draw: random.Random) -> int:
    first, second = sorted(draw.sample(range(1, ENTRIES + 1), 2))
    for old, new in ((first, -1), (second, first), (-1, second)):
        session.execute(text("UPDATE audit_entry SET seq = :new WHERE seq = :old"), {"old": old, "new": new})
    if draw.random() < 0.5:
        rehash(session, first)
    return first


def truncate(session: Session, draw: random.Random) -> int:
    seq = draw.randint(1, ENTRIES)
    session.execute(text("DELETE FROM audit_entry WHERE seq >= :seq"), {"seq": seq})
    rehash(session, seq)
    session.execute(
        text(
            "UPDATE audit_head SET (seq, hash) = (SELECT coalesce(max(seq), 0),"
            " coalesce((array_agg(hash ORDER BY seq DESC))[1], repeat('0', 64)) FROM audit_entry)"
        )
    )
    return seq


def recompute(session: Session, draw: random.Random) -> int:
    seq = draw.randint(1, ENTRIES)
    change(session, seq)
    rehash(session, seq)
    return seq


@pytest.mark.parametrize("tamper", [edit, delete, swap, truncate, recompute])
def test_sixty_of_each_forgery_are_found_and_the_entry_named(
    runtime: Runtime, clock: SteppedClock, owner_url: str, tamper: Tamper
) -> None:
    """Five kinds of sixty: three hundred."""
    for start in range(1, ENTRIES, 16):
        write(runtime, clock, 16, start)
        export(runtime)
    heads = [head.known for head in audit_heads.read_heads(audit_heads.place_of(runtime))]
    assert [head.seq for head in heads] == [16, 32, 48]
    draw, engine = random.Random(4108), create_engine(owner_url)
    with Session(engine) as session:
        for _ in range(ROUNDS):
            set_actor(session, runtime.system)
            session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))
            assert audit.verify_chain(session, heads) is None
            seq = tamper(session, draw)
            fault = audit.verify_chain(session, heads)
            assert fault is not None
            assert fault.seq == seq, fault
            session.rollback()
    engine.dispose()


def test_what_the_chain_alone_cannot_show(runtime: Runtime, clock: SteppedClock, owner_url: str) -> None:
    write(runtime, clock, ENTRIES)
    head = export(runtime)
    assert head is not None
    printed = audit_heads.printed_head(f"{head.seq}:{head.hash[:16]}")
    engine = create_engine(owner_url)
    with Session(engine) as session:
        set_actor(session, runtime.system)
        session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))
        recompute(session, random.Random(1))
        assert audit.verify_chain(session) is None
        fault = audit.verify_chain(session, [printed])
        assert fault == (ENTRIES, "rewritten")
        session.rollback()
    engine.dispose()


def test_a_head_is_taken_once_and_signed(runtime: Runtime, clock: SteppedClock, tmp_path: Path) -> None:
    assert export(runtime) is None
    write(runtime, clock, 3)
    head = export(runtime)
    assert head is not None
    assert export(runtime) is None
    place = Path(audit_heads.place_of(runtime))
    (file,) = place.iterdir()
    assert file.name == f"head-000000000003-{head.hash[:12]}.json"
    with runtime.database.transaction(runtime.system) as session:
        line = audit_heads.head_line(session)
    assert "第 3 条" in line
    assert head.hash[:16] in line
    raw = json.loads(file.read_text("utf-8"))
    for name, value in (("hash", "0" * 64), ("marks", []), ("signature", "AAAA"), ("format", "x")):
        (tmp_path / "head-x.json").write_text(json.dumps(raw | {name: value}), "utf-8")
        with pytest.raises(InvalidInput, match="链头"):
            audit_heads.read_heads(str(tmp_path / "head-x.json"))
    other = InstallationKey(tmp_path / "keys")
    with pytest.raises(Conflict):
        audit_heads.check_keys([head], other)
    with pytest.raises(Unavailable):
        audit_heads.read_heads("nowhere-known://x/y")
    nobody = Actor(derived_id("t"), "t", "测试", "county_officer", "410883000000")
    with pytest.raises(NotAllowed), runtime.database.transaction(nobody) as session:
        audit_heads.export_head(
            session, nobody, place=str(place), key=audit_heads.key_of(runtime), now=clock()
        )


def test_the_job_takes_heads_elsewhere(runtime: Runtime, clock: SteppedClock) -> None:
    write(runtime, clock, 2)
    with runtime.database.transaction(runtime.system) as session:
        runtime.queue.defer(session, "foundation.export_audit_head")
    runtime.queue.work(until_empty=True)
    with runtime.database.transaction(runtime.system) as session:
        last = audit_heads.last_export(session)
    assert last is not None
    assert last.seq == 2


def test_openssl_verifies_what_the_installation_signs(tmp_path: Path) -> None:
    key = InstallationKey(tmp_path / "keys")
    (tmp_path / "key.pem").write_bytes(key.public_pem)
    (tmp_path / "data").write_bytes(b"abc")
    (tmp_path / "sig").write_bytes(key.sign(b"abc"))
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "data"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
    assert is_signed_by(key.public_pem, b"abc", key.sign(b"abc"))
    assert not is_signed_by(key.public_pem, b"abd", key.sign(b"abc"))
    assert InstallationKey(tmp_path / "keys").fingerprint == key.fingerprint
    assert key.fingerprint == fingerprint_of(key.public_pem) == hashlib.sha256(key.public_pem).hexdigest()
    assert (tmp_path / "keys" / "installation.pem").stat().st_mode & 0o077 == 0
