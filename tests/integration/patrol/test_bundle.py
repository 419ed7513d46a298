"""An evidence bundle: sha256sum and openssl alone verify it, and any changed byte is found."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import shutil
import subprocess
import zipfile
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from PIL import Image
from sqlalchemy import text

from foundation import audit_heads
from foundation.calendar import SHANGHAI
from foundation.errors import NotAllowed, NotFound
from patrol import service
from patrol.custody import jobs
from patrol.custody.archive import COMMANDS, write_zip
from patrol.custody.bundle import collect
from patrol.service import EvidenceClaim, VisitBody

SITE = (112.7515, 34.9507)
TAKEN = datetime(2026, 9, 8, 13, 55, tzinfo=SHANGHAI)


def photo(seed: int) -> bytes:
    pixels = random.Random(seed).randbytes(64 * 48 * 3)
    buffer = io.BytesIO()
    Image.frombytes("RGB", (64, 48), pixels).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def patch_id(net) -> UUID:  # type: ignore[no-untyped-def]
    """A visited case with two photos, a statement, and something else going on in the county."""
    patch_id = net.add_patch()
    net.do("county", service.dispatch, patch_id, post_id=net.post("G-1"))
    other = net.add_patch(at=(112.762, 34.951))
    net.do("county", service.dispatch, other, post_id=net.post("G-2"))
    with net.runtime.database.transaction(net.runtime.system) as session:
        (assignment_id,) = session.execute(
            text("SELECT assignment_id FROM assignment WHERE patch_id = :id AND status = 'sent'"),
            {"id": patch_id},
        ).one()
    visit_id, blobs = uuid4(), net.runtime.blobs
    body = VisitBody(
        visit_id, assignment_id, TAKEN, 1, SITE, 5.0, "wgs84", "built", note='=HYPERLINK("x")</script>`${1}'
    )
    net.do("grid-1", service.record_visit, body, blobs=blobs)
    for number in (1, 2):
        data = photo(number)
        claim = EvidenceClaim(
            uuid4(),
            visit_id,
            "image/jpeg",
            hashlib.sha256(data).hexdigest(),
            TAKEN,
            SITE,
            5.0,
            10.0 * number,
            "wgs84",
        )
        net.do("grid-1", service.record_evidence, claim, data, blobs=blobs)
    paper = b"%PDF-1.4 statement"
    claim = EvidenceClaim(
        uuid4(), None, "application/pdf", hashlib.sha256(paper).hexdigest(), TAKEN, kind="statement",
        title="询问笔录", patch_id=patch_id,
    )  # fmt: skip
    net.do("county", service.record_evidence, claim, paper, blobs=blobs)
    return patch_id


@pytest.fixture
def bundle(net, patch_id: UUID, tmp_path: Path) -> tuple[Path, jobs.BundleMade]:  # type: ignore[no-untyped-def]
    path = tmp_path / "bundle.zip"
    return path, jobs.make_bundle(net.runtime, net.actor("county"), patch_id, path)


@pytest.fixture
def unpacked(bundle: tuple[Path, jobs.BundleMade], tmp_path: Path) -> Path:
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(bundle[0]) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def bare_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PATH that holds sha256sum and openssl and nothing else."""
    folder = tmp_path_factory.mktemp("bin")
    for name in ("sha256sum", "openssl"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


def verify(folder: Path, path: Path) -> list[int]:
    return [
        subprocess.run(
            [str(path / command.split()[0]), *command.split()[1:]], cwd=folder, env={}, capture_output=True
        ).returncode
        for command in COMMANDS
    ]


def test_a_clean_machine_verifies_it_with_two_commands(
    bundle: tuple[Path, jobs.BundleMade], unpacked: Path, bare_path: Path
) -> None:
    path, made = bundle
    assert verify(unpacked, bare_path) == [0, 0]
    script = subprocess.run(["sh", "verify.sh"], cwd=unpacked, capture_output=True, text=True)
    assert script.returncode == 0, script.stdout + script.stderr
    assert made.fingerprint in script.stdout
    explained = (unpacked / "说明.txt").read_text("utf-8")
    assert all(command in explained for command in COMMANDS)
    assert made.fingerprint in explained
    assert made.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_any_changed_byte_is_found(unpacked: Path, bare_path: Path) -> None:
    draw = random.Random(4108)
    for file in sorted(path for path in unpacked.rglob("*") if path.is_file()):
        whole = file.read_bytes()
        for _ in range(3):
            at = draw.randrange(len(whole))
            file.chmod(0o644)
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << draw.randrange(8)]) + whole[at + 1 :])
            assert verify(unpacked, bare_path) != [0, 0], (file.name, at)
        file.write_bytes(whole)
    assert verify(unpacked, bare_path) == [0, 0]


@pytest.mark.parametrize("name", ["audit/links.txt", "audit/entries.txt", "audit/heads.txt"])
def test_the_script_checks_the_chain_itself_and_finds_added_files(net, unpacked: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    """Even where the sums are made anew and signed with the right key."""
    key = audit_heads.key_of(net.runtime)

    def reseal() -> int:
        sums = (unpacked / "SHA256SUMS").read_text("utf-8").splitlines()
        names = [line.split("  ", 1)[1] for line in sums]
        text_ = "".join(
            f"{hashlib.sha256((unpacked / each).read_bytes()).hexdigest()}  {each}\n" for each in names
        )
        (unpacked / "SHA256SUMS").write_text(text_, "utf-8")
        (unpacked / "SHA256SUMS.sig").write_bytes(key.sign(text_.encode()))
        return subprocess.run(["sh", "verify.sh"], cwd=unpacked, capture_output=True).returncode

    assert reseal() == 0
    file = unpacked / name
    lines = file.read_text("utf-8").splitlines()
    middle = len(lines) // 2
    lines[middle] = lines[middle][:-1] + ("0" if lines[middle][-1] != "0" else "1")
    if name == "audit/heads.txt":
        seq, hash_, at = lines[middle].split("\t")
        lines[middle] = "\t".join((seq, hash_[:-1] + ("0" if hash_[-1] != "0" else "1"), at))
    whole = file.read_text("utf-8")
    file.write_text("\n".join(lines) + "\n", "utf-8")
    assert reseal() == 1
    file.write_text(whole, "utf-8")
    assert reseal() == 0
    (unpacked / "evidence" / "004-photo.jpg").write_bytes(b"more")
    assert reseal() == 1


def test_it_holds_the_case_and_nothing_of_other_cases(net, patch_id: UUID, unpacked: Path) -> None:  # type: ignore[no-untyped-def]
    case = json.loads((unpacked / "case.json").read_text("utf-8"))
    assert case["patch"]["number"] == "410883-2609-0001"
    assert [visit["finding"] for visit in case["visits"]] == ["built"]
    originals = sorted((unpacked / "evidence").iterdir())
    assert [file.name.split("-")[1] for file in originals] == ["photo", "photo", "statement"]
    assert {hashlib.sha256(file.read_bytes()).hexdigest() for file in originals} == {
        row["sha256"] for row in net.rows("SELECT sha256 FROM evidence")
    }
    kinds = [
        f["properties"]["kind"] for f in json.loads((unpacked / "track.geojson").read_text())["features"]
    ]
    assert kinds == ["outline", "visit", "capture", "view", "capture", "view"]
    steps = list(csv.reader(io.StringIO((unpacked / "custody.csv").read_text("utf-8-sig"))))
    assert [row[2] for row in steps[1:4]] == ["采集", "接收", "封存"]
    assert len(steps) == 1 + 3 * 3
    assert (unpacked / "summary.pdf").read_bytes().startswith(b"%PDF-")
    other = str(net.patches[1])
    for file in unpacked.rglob("*"):
        if file.is_file():
            assert other.encode() not in file.read_bytes(), file.name
    entries = [
        json.loads(line.split("\t", 1)[1])
        for line in (unpacked / "audit" / "entries.txt").read_text("utf-8").splitlines()
    ]
    assert {"patrol.visit.recorded", "patrol.evidence.recorded", "patrol.case.dispatch"} <= {
        entry["action"] for entry in entries
    }
    timeline = (unpacked / "timeline.csv").read_text("utf-8-sig")
    assert "=HYPERLINK" in timeline
    assert not any(cell.startswith("=") for row in csv.reader(io.StringIO(timeline)) for cell in row)


def test_the_same_state_gives_the_same_bytes_and_handing_out_is_custody(
    net, patch_id: UUID, bundle: tuple[Path, jobs.BundleMade], tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    actor = net.actor("county")

    def made() -> bytes:
        with net.runtime.database.transaction(actor) as session:
            file = collect(session, actor, patch_id, blobs=net.runtime.blobs, now=net.clock())
        out = io.BytesIO()
        write_zip(jobs.bundle_files(net.runtime, file), out)
        return out.getvalue()

    first = made()
    net.at(2026, 9, 21, 9, 0)
    assert made() == first
    rows = net.rows("SELECT evidence_id, sha256, actor_name FROM custody_event WHERE step = 'exported'")
    assert [row["sha256"] for row in rows if row["evidence_id"] is None] == [bundle[1].sha256]
    assert len(rows) == 1 + 3
    again = jobs.make_bundle(net.runtime, actor, patch_id, tmp_path / "again.zip")
    assert again.sha256 != bundle[1].sha256


@pytest.mark.parametrize(("login", "error"), [("grid-1", NotAllowed), ("manager", NotAllowed)])
def test_only_with_the_right_and_in_the_area(
    net, patch_id: UUID, tmp_path: Path, login: str, error: type[Exception]
) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "no.zip"
    with pytest.raises(error):
        jobs.make_bundle(net.runtime, net.actor(login), patch_id, path)
    with pytest.raises(NotFound):
        jobs.make_bundle(net.runtime, net.actor("county"), uuid4(), path)
    assert not path.exists()
    assert net.rows("SELECT * FROM custody_event WHERE step = 'exported'") == []
