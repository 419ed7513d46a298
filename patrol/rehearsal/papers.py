"""Papers of a play: reviewed by one, issued by another, opened by an office program and read back."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from foundation.access import Actor
from foundation.accounts import actor_of_login, create_account
from foundation.runtime import Runtime
from patrol import jobs
from patrol.reports import service as reports
from patrol.reports.bulletins import Facts, rounded
from patrol.reports.issuing import service as issuing
from patrol.reports.rankings import RankingRow
from patrol.reports.views import BulletinView

SECONDS_MAX = 300
SPACE = re.compile(r"\s+")
Line = tuple[Any, ...]


@dataclass(frozen=True)
class Office:
    """Who looks at a draft, and who issues it: never the same person."""

    reviewer: Actor
    issuer: Actor


@dataclass(frozen=True)
class Paper:
    """An issued paper, what the service answered of it at that moment, and when that was."""

    view: BulletinView
    answered: Counter[Line]


def open_office(runtime: Runtime, city_code: str, *, now: datetime) -> Office:
    """Two accounts of the city: one reviews, one issues."""
    people = {"rehearsal-reviewer": ("审核人", "city_officer"), "rehearsal-issuer": ("签发人", "manager")}
    with runtime.database.transaction(runtime.system) as session:
        for login, (name, role) in people.items():
            create_account(
                session,
                runtime.system,
                login=login,
                name=name,
                role=role,
                area_code=city_code,
                password=f"{login}-only-here",
                now=now,
            )
        reviewer, issuer = (actor_of_login(session, login) for login in people)
    return Office(reviewer, issuer)


def issue(runtime: Runtime, office: Office, *, kind: str, period: str, city_code: str) -> Paper:
    """Draft, review and issue a paper; keep what the service answers of its rankings right then."""
    now = runtime.clock()
    draft = jobs.draft_bulletin(runtime, kind=kind, period=period, division_code=city_code)
    with runtime.database.transaction(office.reviewer) as session:
        issuing.review_bulletin(session, office.reviewer, draft.bulletin_id, now=now)
    with runtime.database.transaction(office.issuer) as session:
        view = issuing.issue_bulletin(session, office.issuer, draft.bulletin_id, now=now)
        rows: list[RankingRow] = []
        for of in ("county", "township", "post"):
            rows += reports.rankings(session, office.issuer, period=period, of=of, now=now).rows
    return Paper(view, Counter(_answered(row) for row in rows))


def is_same_again(runtime: Runtime, paper: Paper, *, city_code: str) -> bool:
    """Whether the paper, asked for and made again from its facts, has the bytes that were issued."""
    view = paper.view
    again = jobs.draft_bulletin(runtime, kind=view.kind, period=view.period, division_code=city_code)
    if again.files != view.files:
        return False
    made = reports.render(again.facts, at=view.drafted_at, blobs=runtime.blobs)
    return [runtime.blobs.put(file.data).sha256 for file in made] == [file.sha256 for file in view.files]


def read_back(runtime: Runtime, papers: Sequence[Paper]) -> dict[str, Any]:
    """Open the papers' files with LibreOffice and compare what it reads with what the service answered.

    Returns
    -------
    dict
        ``opened``: files that it could open, of ``files``; ``lines`` of rankings compared, of which
        ``different``; ``sentences`` looked for in the text, of which ``missing``. ``opened`` is None
        where there is no LibreOffice. ``pdf``: the same of PDF files (see `read_pdfs`).
    """
    found: dict[str, Any] = {"files": 0, "opened": None, "lines": 0, "different": 0}
    found |= {"sentences": 0, "missing": 0, "pdf": read_pdfs(runtime, papers)}
    program = shutil.which("soffice")
    with tempfile.TemporaryDirectory(prefix="landwarden-papers-") as name:
        folder = Path(name)
        for number, paper in enumerate(papers):
            for file in paper.view.files:
                suffix = Path(file.name).suffix
                if suffix in {".docx", ".xlsx"}:
                    stem = f"{number}-annex" if file.is_restricted else str(number)
                    jobs.save_file(runtime, file.sha256, folder / f"{stem}{suffix}")
                    found["files"] += 1
        if program is None:
            return found
        saved = folder / "saved"
        _convert(program, folder, "*.xlsx", "xlsx")
        _convert(program, folder, "*.docx", "txt:Text (encoded):UTF8")
        found["opened"] = sum(path.suffix in {".xlsx", ".txt"} for path in saved.iterdir())
        for number, paper in enumerate(papers):
            _compare(paper, saved / f"{number}.xlsx", saved / f"{number}.txt", found)
    return found


def read_pdfs(runtime: Runtime, papers: Sequence[Paper]) -> dict[str, Any]:
    """Read the papers' PDF files and look for all that their facts say: sentences, figures, lines of tables.

    Returns
    -------
    dict
        ``files``; ``read``, None where there is no pdftotext; ``said`` things looked for, ``missing``.
    """
    program = shutil.which("pdftotext")
    found: dict[str, Any] = {"files": 0, "read": None if program is None else 0, "said": 0, "missing": []}
    for paper in papers:
        for file in paper.view.files:
            if not file.name.endswith(".pdf"):
                continue
            found["files"] += 1
            if program is None:
                continue
            words = pdf_words(program, runtime.blobs.path(file.sha256))
            said = said_in(paper.view.facts)
            found["read"] += 1
            found["said"] += len(said)
            found["missing"] += [each for each in said if each not in words]
    return found


def pdf_words(program: str, path: Path) -> str:
    """All words of a PDF above its foot, without spaces: lines and pages may break anywhere."""
    area = ["-x", "0", "-y", "0", "-W", "596", "-H", "743"]
    done = subprocess.run(
        [program, "-raw", "-nopgbrk", "-enc", "UTF-8", *area, str(path), "-"],
        check=True,
        capture_output=True,
        timeout=SECONDS_MAX,
    )
    return SPACE.sub("", done.stdout.decode("utf-8"))


def said_in(facts: Facts) -> list[str]:
    """What a printed bulletin must hold, without spaces: sentences, main figures, lines of the unit table."""
    counts = ("opened", "dispatched", "verified", "unlawful", "ordered", "closed", "overdue")
    said = [*facts["summary"], *facts["requirements"], facts["number"], facts["title"]]
    said += [f"{row['zh']}{row['value']}{row['unit']}" for row in facts["kpis"]]
    said += [row["name"] + "".join(str(row[key]) for key in counts) for row in facts["townships"]]
    said += [f"{row['number']}{row['place']}" for row in facts["overdue"][:30]]
    return [SPACE.sub("", each) for each in said]


def _convert(program: str, folder: Path, pattern: str, kind: str) -> None:
    files = sorted(str(path) for path in folder.glob(pattern))
    if not files:
        return
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    command = [program, "--headless", profile, "--convert-to", kind, "--outdir", str(folder / "saved")]
    subprocess.run([*command, *files], check=True, capture_output=True, timeout=SECONDS_MAX)


def _compare(paper: Paper, table: Path, words: Path, found: dict[str, Any]) -> None:
    if table.exists():
        with closing(load_workbook(table, read_only=True)) as book:
            lines = book["排名"].iter_rows(values_only=True)
            read = Counter(line for line in map(_read, lines) if line is not None)
        found["lines"] += paper.answered.total()
        found["different"] += ((read - paper.answered) + (paper.answered - read)).total()
    if words.exists():
        text = words.read_text("utf-8-sig")
        sentences = paper.view.facts["summary"] + paper.view.facts["requirements"]
        found["sentences"] += len(sentences)
        found["missing"] += sum(sentence not in text for sentence in sentences)


def _answered(row: RankingRow) -> Line:
    if row.group:
        numbers: tuple[float | None, ...] = (row.required, row.valid, row.raw, rounded(row.completion_rate))
        return (row.rank, row.name, row.post_title, row.unit_name, *map(_number, numbers))
    return (row.rank, row.name, *map(_number, (rounded(row.score), rounded(row.completion_rate))))


def _read(cells: Sequence[Any]) -> Line | None:
    """A line of a ranking as `_answered` writes it; None for headings and empty lines."""
    if cells[0] != "—" and not isinstance(cells[0], int | float):
        return None
    rank = None if cells[0] == "—" else int(cells[0])
    # Of persons the fourth cell is the post, of units the score.
    if isinstance(cells[3], str) and cells[3] != "—":
        return (rank, cells[2], cells[3], cells[4], *map(_cell, cells[5:9]))
    return (rank, cells[2], _cell(cells[3]), _cell(cells[8]))


def _cell(value: Any) -> float | None:
    return None if value == "—" else _number(value)


def _number(value: float | None) -> float | None:
    return None if value is None else round(float(value), 6)
