"""The branches of the life of a case, each told with one patch of the demonstration county."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from uuid import UUID

from foundation.calendar import SHANGHAI
from foundation.errors import Defect
from patrol import casework
from patrol import service as patrol
from patrol.casework import DecisionBody, ObjectionBody
from patrol.papers import service as papers
from webmap.demo.rehearsal import Rehearsal, half_of

PARTY = papers.PartyBody("person", "张某某（演示）", "11010519491231002X", None, "孟州市（演示地址）")
PENALTY = "责令退还非法占用的土地，限期拆除在非法占用的土地上新建的建（构）筑物"
SERVED = {"serve_place": "当事人住所（演示）", "serve_how": "直接送达"}
BRANCHES = (
    "lawful",
    "not_new",
    "penalty",
    "partly_exceeded",
    "transferred",
    "objection_corrected",
    "relapsed",
    "base_corrected",
)
WANTED: dict[str, Callable[[dict[str, str | None]], bool]] = {
    "lawful": lambda row: row["suggestion"] == "lawful",
    "not_new": lambda row: row["suggestion"] == "not_new",
    "partly_exceeded": lambda row: row["suggestion"] == "partly_exceeded",
    "transferred": lambda row: row["code"] == "L05",
    "penalty": lambda row: row["suggestion"] == "suspected" and row["code"] == "L04",
    "objection_corrected": lambda row: row["suggestion"] == "suspected",
    "relapsed": lambda row: row["suggestion"] == "suspected",
    "base_corrected": lambda row: row["suggestion"] == "suspected",
}


def cast(play: Rehearsal) -> dict[str, UUID]:
    """Which patch takes which branch: the first in order of numbers that fits, each patch once.

    Raises
    ------
    Defect
        ``webmap.rehearsal.no_patch_for``.
    """
    left = play.rows(
        "SELECT patch_id, number, suggestion, suggested_violation_code AS code FROM patch_overview"
        " WHERE state = 'triage' ORDER BY number"
    )
    found: dict[str, UUID] = {}
    for branch, fits in WANTED.items():
        row = next((row for row in left if fits(row)), None)
        if row is None:
            raise Defect("webmap.rehearsal.no_patch_for", branch=branch)
        left.remove(row)
        found[branch] = row["patch_id"]
        play.branches[branch] = row["number"]
    return found


def tell(play: Rehearsal, progress: Callable[[str, float], None]) -> None:
    """All branches, side by side in time, from September 2026 to the relapse in the year after."""
    patches = cast(play)
    acts: tuple[tuple[str, Callable[[Rehearsal, dict[str, UUID]], None]], ...] = (
        ("内业研判", desk),
        ("逐级下发、现场核查", field_work),
        ("岗位变动", people_leave),
        ("判定、责令、移送", judged),
        ("异议", objections),
        ("立案查处", penalty),
        ("移送回执、整改复核、销号", closures),
        ("销号后复查影像", watched),
        ("再次违法", relapse),
    )
    for number, (name, act) in enumerate(acts, start=1):
        act(play, patches)
        progress(name, number / len(acts))


def desk(play: Rehearsal, patches: dict[str, UUID]) -> None:
    """Lawful and not new, as the system suggests; one verdict signed in error and taken back."""
    play.at("2026-09-09")
    play.do(
        "officer", patrol.record_verdict, patches["lawful"], patrol.VerdictBody("lawful", None, "approved")
    )
    wrong = patrol.VerdictBody("not_new", None, "rural_road")
    play.do("officer", patrol.record_verdict, patches["not_new"], wrong)
    play.do("officer", patrol.undo, patches["not_new"], undo_minutes=30)
    right = patrol.VerdictBody("not_new", None, "facility_filed")
    play.do("officer", patrol.record_verdict, patches["not_new"], right)
    play.refused(
        patches["penalty"],
        "officer",
        "单人排除疑似违法",
        patrol.move_case,
        "dismiss",
        reason_code="lawful_confirmed",
    )


def field_work(play: Rehearsal, patches: dict[str, UUID]) -> None:
    """Handed down, signed for, visited: all that is suspected."""
    play.at("2026-09-10")
    for branch in ("penalty", "partly_exceeded", "transferred", "objection_corrected", "relapsed"):
        play.dispatch_and_visit(patches[branch])


def people_leave(play: Rehearsal, patches: dict[str, UUID]) -> None:
    """While one patch is on its way down, its village chief and grid officer leave: nothing lies fallow."""
    play.at("2026-09-11")
    patch_id = patches["base_corrected"]
    play.do("officer", patrol.dispatch, patch_id)
    runtime = play.demo.runtime
    posts = play.rows(
        "SELECT DISTINCT post_id FROM assignment WHERE patch_id = :id AND tier = 4"
        " AND status IN ('waiting', 'sent', 'signed') ORDER BY post_id",
        id=patch_id,
    )
    for row in posts:
        with runtime.database.transaction(runtime.system) as session:
            play.later(minutes=10)
            casework.vacate_post(session, runtime.system, row["post_id"], who="both", now=play.now)
        play.check_owners()
    while play.state(patch_id) in {"dispatched", "to_verify"}:
        (task,) = play.rows(
            "SELECT t.assignment_id, t.kind, t.status, a.login FROM assignment t"
            " JOIN account a ON a.account_id = t.holder_account_id"
            " WHERE t.patch_id = :id AND t.status IN ('sent', 'signed')",
            id=patch_id,
        )
        if task["status"] == "sent":
            play.do(task["login"], patrol.sign, task["assignment_id"])
        if task["kind"] == "verify":
            play.visit(task["login"], patch_id, task["assignment_id"], "built")
        elif task["status"] == "signed":
            play.do(task["login"], patrol.forward, task["assignment_id"])


def judged(play: Rehearsal, patches: dict[str, UUID]) -> None:
    """Verdicts after the visit: what is ordered, filed, transferred."""
    play.at("2026-09-14")
    for branch in ("penalty", "objection_corrected", "relapsed", "base_corrected"):
        play.judge(patches[branch], "unlawful", "L04")
    # The building stood finished in August: two years later the act can no longer be punished.
    play.judge(patches["partly_exceeded"], "unlawful", "L04", act_ended_on=date(2026, 8, 20))
    play.counts["limitation"] = play.clock_ends(patches["partly_exceeded"], "limitation", "2028-08-20")
    play.judge(patches["transferred"], "unlawful", "L05")
    for branch in ("partly_exceeded", "objection_corrected", "relapsed", "base_corrected"):
        play.move("officer", patches[branch], "order_rectification", due_on="2026-10-30")
    play.refused(
        patches["transferred"],
        "officer",
        "移送无管辖权的机关",
        patrol.move_case,
        "transfer",
        reason_code="planning",
    )
    letter = {
        "transfer_reason": "依据土地管理法第七十八条，农村村民住宅用地由农业农村主管部门查处。",
        "receiving_authority": "孟州市农业农村局",
    }
    paper_id = play.paper(patches["transferred"], "transfer_letter", letter)
    (row,) = play.rows("SELECT number FROM paper WHERE paper_id = :id", id=paper_id)
    play.move(
        "officer",
        patches["transferred"],
        "transfer",
        "agriculture",
        paper_no=row["number"],
        sent_on="2026-09-14",
    )


def objections(play: Rehearsal, patches: dict[str, UUID]) -> None:
    """One outline and one base feature objected to and corrected; one objection rejected."""
    play.at("2026-09-15")
    patch_id = patches["objection_corrected"]
    station = play.holder_of(patch_id, "station")
    before = play.counts_now()
    said = ObjectionBody("geometry", "includes_old", "图斑东部为原有院落，不属本次新增。")
    raised = play.do(station, casework.raise_objection, patch_id, said)
    truth = DecisionBody(
        True, "checked_on_site", "经实地复核。", "corrected", half_of(play.outline(patch_id))
    )
    play.refused_objection(raised.objection_id, patch_id, station, truth)
    play.at("2026-09-17")
    decided = play.do("officer2", casework.decide_objection, raised.objection_id, truth)
    play.counts["objection"] = {"before": before, "after": play.counts_now(), "outcome": decided.outcome}
    play.judge(patch_id, "unlawful", "L04")
    play.move("officer", patch_id, "order_rectification", due_on="2026-10-30")
    play.counts["objection"]["signed_again"] = play.counts_now()
    other = patches["partly_exceeded"]
    said = ObjectionBody("date", "built_before", "认为建设在前时相以前。")
    raised = play.do(play.holder_of(other, "station"), casework.raise_objection, other, said)
    play.later(hours=3)
    play.do("officer2", casework.decide_objection, raised.objection_id, DecisionBody(False, "image_clear"))
    _correct_base(play, patches["base_corrected"])


def _correct_base(play: Rehearsal, patch_id: UUID) -> None:
    """A piece of basic farmland was drawn in the wrong place: corrected once, judged and signed again."""
    (feature,) = play.rows(
        "SELECT f.feature_no, f.version_id, v.layer_kind"
        " FROM layer_feature f JOIN layer_version v USING (version_id), patch p"
        " WHERE p.patch_id = :id AND v.layer_kind IN ('basic_farmland', 'land_survey')"
        " AND v.valid_to IS NULL"
        " AND ST_Intersects(f.geometry, p.geometry)"
        " ORDER BY v.layer_kind, ST_Area(ST_Intersection(f.geometry, p.geometry)) DESC LIMIT 1",
        id=patch_id,
    )
    target = {"version_id": feature["version_id"], "feature_no": feature["feature_no"]}
    said = ObjectionBody(
        "base", "boundary_wrong", "该处落图有误，经查档不在划定范围内。", (), feature["layer_kind"], **target
    )
    raised = play.do(play.holder_of(patch_id, "station"), casework.raise_objection, patch_id, said)
    truth = DecisionBody(True, "checked_in_registry", remedy="corrected", feature_action="removed")
    play.later(hours=2)
    decided = play.do("officer2", casework.decide_objection, raised.objection_id, truth)
    play.counts["base"] = {"outcome": decided.outcome}
    # Signed again, by what the corrected base says.
    if decided.outcome["suggestion"]["after"] in {"lawful", "not_new"}:
        play.judge(patch_id, "not_new", reason="survey_class")
        play.move("reviewer", patch_id, "pass_review")
        play.move("city", patch_id, "pass_review")
    else:
        play.judge(patch_id, "unlawful", "L04")
        play.move("officer", patch_id, "order_rectification", due_on="2026-10-30")


def penalty(play: Rehearsal, patches: dict[str, UUID]) -> None:
    """Filed, investigated, notified, a hearing held, decided, served, paid: each stage with its clock."""
    patch_id = patches["penalty"]
    play.at("2026-09-21")
    play.do("officer", papers.record_party, patch_id, PARTY)
    play.paper(patch_id, "stop_notice", {"correction": "停止施工，自行清除地上建（构）筑物"})
    play.paper(patch_id, "filing_report", {"opinion": "建议立案调查"})
    play.move("officer", patch_id, "file_case")
    play.at("2026-09-28")
    play.move("officer", patch_id, "advance_case", stage="investigated")
    notice = play.paper(patch_id, "penalty_notice", {"penalty_text": PENALTY})
    play.at("2026-09-30")
    play.do(
        "officer", papers.record_service, notice, served_on=date(2026, 9, 30), how="直接送达", to="张某某"
    )
    play.move("officer", patch_id, "advance_case", stage="notified", served_on="2026-09-30")
    play.refused(
        patch_id,
        "officer",
        "陈述申辩期内作出决定",
        patrol.move_case,
        "advance_case",
        facts={"stage": "decided"},
    )
    play.at("2026-10-09")
    play.do("officer", casework.pause_case, patch_id, reason_code="hearing", until=date(2026, 11, 6))
    play.refused(patch_id, "officer", "中止期间推进办案", patrol.move_case, "advance_case")
    play.at("2026-10-28")
    play.do("officer", casework.resume_case, patch_id, note="听证会已举行")
    said = {
        "penalty_text": PENALTY,
        "statement_result": "当事人申请听证，听证意见未被采纳。",
        "payment_account": "孟州市财政非税专户（演示）",
        "fine_yuan": str(play.lowest_fine(patch_id)),
    }
    decision = play.paper(patch_id, "penalty_decision", said)
    play.move("officer", patch_id, "advance_case", stage="decided")
    play.paper(patch_id, "service_receipt", SERVED, refers_to=decision)
    play.at("2026-11-03")
    play.do(
        "officer", papers.record_service, decision, served_on=date(2026, 11, 3), how="直接送达", to="张某某"
    )
    play.move("officer", patch_id, "record_service", served_on="2026-11-03", how="直接送达")
    play.at("2026-11-16")
    play.move("officer", patch_id, "advance_case", stage="executed", paid_on="2026-11-16")
    play.paper(
        patch_id, "closing_report", {"execution_text": "罚款已缴纳，建筑已拆除。", "opinion": "建议结案"}
    )
    play.move("officer", patch_id, "case_executed")


def serve(play: Rehearsal, paper_id: UUID, on: date) -> None:
    """A paper is handed to the party."""
    play.do("officer", papers.record_service, paper_id, served_on=on, how="直接送达", to="张某某（演示）")


def closures(play: Rehearsal, patches: dict[str, UUID]) -> None:
    """Receipt after a reminder; rectified, re-checked, closed; one re-check fails first."""
    sent = patches["transferred"]
    play.at("2026-11-17")
    play.move("officer", sent, "remind_receipt", reminder_no="催〔2026〕1号")
    play.at("2026-11-24")
    play.move("officer", sent, "record_receipt", receipt_no="农执收〔2026〕8号", received_on="2026-11-23")
    play.refused(sent, "officer", "销号本人移送的案件", patrol.move_case, "close", reason_code="transferred")
    play.move("city", sent, "close", "transferred")
    play.recheck_and_close(patches["penalty"], reason="executed")
    partly = patches["partly_exceeded"]
    play.move(play.holder_of(partly, "station"), partly, "report_rectified", "demolished")
    play.move("reviewer", partly, "reject_recheck", "partly_demolished", due_on="2026-12-18")
    play.at("2026-12-10")
    for branch in ("partly_exceeded", "objection_corrected", "relapsed", "base_corrected"):
        if play.state(patches[branch]) == "rectifying":
            play.rectify_and_close(patches[branch])


def watched(play: Rehearsal, patches: dict[str, UUID]) -> None:
    """In spring an image of the whole county arrives: the ground of what was closed is looked at, unasked."""
    play.at("2027-03-10")
    play.image_arrives("2027-03-08T11:10:00+08:00")
    noted = {row["patch_id"] for row in play.rows("SELECT patch_id FROM case_watch")}
    closed = {patch_id for patch_id in patches.values() if play.state(patch_id) == "closed"}
    if not closed <= noted:
        raise Defect("webmap.rehearsal.not_watched", patches=", ".join(map(play.number, closed - noted)))
    outcomes = play.rows("SELECT outcome, count(*) AS count FROM case_watch GROUP BY 1 ORDER BY 1")
    play.counts["watch"] = {row["outcome"]: row["count"] for row in outcomes}


def relapse(play: Rehearsal, patches: dict[str, UUID]) -> None:
    """Eight months later a drone sees the same ground built upon again: the case was never closed."""
    patch_id = patches["relapsed"]
    play.at("2027-08-02")
    begins = datetime(2027, 7, 1, 10, tzinfo=SHANGHAI)
    play.report_again(patch_id, begins, datetime(2027, 7, 30, 10, tzinfo=SHANGHAI))
    play.platform()
    if play.state(patch_id) != "triage":
        raise Defect("webmap.rehearsal.not_reopened", number=play.number(patch_id))
    play.dispatch_and_visit(patch_id)
    play.judge(patch_id, "unlawful", "L04")
    play.move("officer", patch_id, "order_rectification", due_on="2027-09-03")
    play.at("2027-08-30")
    play.rectify_and_close(patch_id)
