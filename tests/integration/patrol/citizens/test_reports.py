"""From a report to the answer asked back; who reported is found nowhere outside the vault."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from uuid import UUID

import psycopg
import pytest
from PIL import Image
from sqlalchemy import text

from detection.waiting import service as waiting
from foundation.errors import LandwardenError, NotAllowed
from foundation.jobs import conninfo
from patrol.citizens import service
from patrol.citizens.reports import Identity, Said
from patrol.citizens.vault import Vault
from patrol.reports import service as reports

NAME, PHONE = "金丝雀王某", "13900007f3a"
COUNTY, VILLAGE = "410883000000", "410883105201"
PLACE = (112.7515, 34.9515)


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(LandwardenError) as caught:
        yield
    assert caught.value.code == code


def photo() -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x013B] = NAME
    Image.radial_gradient("L").convert("RGB").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def receive(net, lonlat=PLACE, identity=None, photos=()) -> tuple[UUID, str]:
    runtime = net.runtime
    said = Said(VILLAGE, "building", "村东头耕地上正在建厂房，已打地基。", lonlat)
    with runtime.database.transaction(runtime.system) as session:
        return service.receive(
            session,
            runtime.system,
            said,
            identity=identity or Identity(NAME, PHONE),
            photos=photos,
            blobs=runtime.blobs,
            vault=vault(net),
            now=net.clock(),
        )


def vault(net) -> Vault:
    return Vault(net.runtime.settings.data_dir / "keys")


def told(net, code: str) -> service.Progress:
    runtime = net.runtime
    with runtime.database.transaction(runtime.system) as session:
        return service.progress(session, runtime.system, code)


def ask_back(net, code: str, satisfaction: int) -> None:
    runtime = net.runtime
    with runtime.database.transaction(runtime.system) as session:
        service.answer_back(
            session, runtime.system, code, satisfaction=satisfaction, remark="处理及时", now=net.clock()
        )


def seen(net, login: str) -> list[service.ReportView]:
    actor = net.actor(login)
    with net.runtime.database.transaction(actor) as session:
        return service.list_reports(session, actor)


def test_a_report_becomes_a_lead_and_its_outcome_is_told(net) -> None:
    report_id, code = receive(net, photos=[photo()])
    (row,) = seen(net, "county")
    assert (row.standing, row.lonlat, len(row.photos)) == ("waiting", pytest.approx(PLACE), 1)
    officer = net.actor("county")
    with net.runtime.database.transaction(officer) as session:
        assert len(waiting.list_waiting_leads(session, officer).items) == 1
        assert waiting.get_lead(session, officer, row.lead_id).source == "public"
    with refused("patrol.citizen.not_finished"):
        ask_back(net, code, 5)

    patch_id = net.add_patch(source="public")
    net.do("county", waiting.attach_lead, row.lead_id, patch_id)
    assert told(net, code).standing == "working"
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(
            text("UPDATE case_file SET state = 'closed', verdict_kind = 'unlawful' WHERE patch_id = :id"),
            {"id": patch_id},
        )
    answer = told(net, f"{code[:4]}-{code[4:]}".lower())
    assert answer.standing == "upheld"
    assert "违法用地" in answer.told
    assert answer.is_asked_back
    with refused("patrol.citizen.bad_answer"):
        ask_back(net, code, 6)
    ask_back(net, code, 4)
    with refused("patrol.citizen.answered_already"):
        ask_back(net, code, 5)
    assert [item.satisfaction for item in seen(net, "county")] == [4]
    assert not told(net, code).is_asked_back
    with refused("patrol.citizen.unknown_code"):
        told(net, "A" * 16)
    assert report_id == row.report_id


def test_words_wait_for_an_officer_to_place_them(net) -> None:
    report_id, code = receive(net, lonlat=None)
    other, _ = receive(net)
    assert told(net, code).standing == "received"
    net.do("county", service.place_report, report_id, lonlat=PLACE, radius_m=100.0)
    assert told(net, code).standing == "waiting"
    with refused("patrol.citizen.placed_already"):
        net.do("county", service.place_report, report_id, lonlat=PLACE, radius_m=100.0)
    far, _ = receive(net, lonlat=(PLACE[0] + 0.004, PLACE[1]))  # 365 m
    assert {row.report_id: row.near for row in seen(net, "county")} == {
        report_id: (other,),
        other: (report_id,),
        far: (),
    }


def test_who_reported_is_found_nowhere_outside_the_vault(net, owner_url: str, caplog) -> None:
    report_id, _ = receive(net, photos=[photo()])
    said = net.do(
        "county", service.reveal, report_id, reason=f"需向举报人{NAME}核实现场位置", vault=vault(net)
    )
    assert said == Identity(NAME, PHONE)
    lower = seen(net, "station")
    assert lower[0].is_blurred
    assert lower[0].received_at.isoformat() == "2026-09-08T00:00:00+08:00"
    assert lower[0].lonlat == pytest.approx((112.755, 34.955))
    for login in ("station", "chief", "reviewer", "manager"):
        with pytest.raises(NotAllowed):
            net.do(login, service.reveal, report_id, reason="想知道是谁举报的", vault=vault(net))
    with refused("patrol.citizen.no_reason"):
        net.do("county", service.reveal, report_id, reason=" ", vault=vault(net))

    places = [caplog.text, repr(said)]
    for login in ("county", "city", "station"):
        places.append(
            json.dumps([asdict(view) for view in seen(net, login)], default=str, ensure_ascii=False)
        )
    with psycopg.connect(conninfo(owner_url)) as connection:
        tables = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert ("vault.reporter",) in tables
        for (table,) in tables:
            rows = connection.execute(f"SELECT to_jsonb(t)::text FROM {table} t").fetchall()
            places += [str(row) for row in rows]
    assert "patrol.citizen.revealed" in "".join(places)
    for file in net.runtime.settings.data_dir.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert NAME.encode() not in data
            assert PHONE.encode() not in data
    signs = (NAME, PHONE, NAME.encode().hex(), PHONE.encode().hex())
    assert [place for place in places if any(sign in place for sign in signs)] == []
    key = net.runtime.settings.data_dir / "keys" / "reporters.key"
    assert key.stat().st_mode & 0o077 == 0
    key.unlink()
    with refused("patrol.citizen.vault_broken"):
        net.do("county", service.reveal, report_id, reason="需核实现场位置", vault=vault(net))


def test_only_what_citizens_saw_first_is_credited_as_self_found(net) -> None:
    _, first = receive(net)
    net.at(2026, 9, 8, 15, 0)
    told_first, seen_first = net.add_patch(), net.add_patch(at=(112.755, 34.955))
    net.at(2026, 9, 8, 16, 0)
    _, later = receive(net, lonlat=(112.7555, 34.9555))
    by_age = sorted(seen(net, "county"), key=lambda view: view.received_at)
    for view, patch_id in zip(by_age, (told_first, seen_first), strict=True):
        net.do("county", waiting.attach_lead, view.lead_id, patch_id)
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(
            text(
                "UPDATE case_file SET state = 'closed', verdict_kind = 'unlawful', verdict_at = :at,"
                " closed_at = :at WHERE patch_id IN (:a, :b)"
            ),
            {"at": net.clock(), "a": told_first, "b": seen_first},
        )
    assert {told(net, code).standing for code in (first, later)} == {"upheld"}
    net.at(2026, 9, 8, 17, 0)
    credit = net.do("manager", reports.indicators, period="2026-W37")["self_found_rate"]
    assert (credit.numerator, credit.denominator) == (1, 2)
