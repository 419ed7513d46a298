"""The demonstration weeks: simulated people act through the public API, day by day, on a clock that is set.

Each acts on what the API shows, not on a script: a simulation that was killed goes on where the data stand.
What an inspector sees on site comes from the ground truth, as it does from the ground in life.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from shapely.geometry import shape

from foundation.calendar import SHANGHAI, is_working_day
from foundation.clock import SteppedClock
from foundation.ids import derived_id
from webmap.demo.ground import Ground
from webmap.demo.people import Holder, People
from webmap.demo.photos import draw_photo

FIRST_DAY, LAST_DAY = date(2026, 9, 9), date(2026, 10, 9)
DESK_A_DAY = 5
FINDING_OF_KIND = {"restoration": "restored", "demolition": "restored"}
TRANSFERS = {"L05": "agriculture", "P02": "township"}
LAWFUL_REASON = {"lawful": "approved", "not_new": "facility_filed"}
SLOTS = (time(9, 10), time(10, 40), time(14, 20), time(16, 30))

Item = dict[str, Any]


@dataclass
class Weeks:
    """All simulated people and the days on which they act.

    Parameters
    ----------
    clock : SteppedClock
        The clock of the server the people talk to.
    after_each_day : callable
        Runs the platform's own clocks (escalations, bulletins) at the end of a day.
    """

    people: People
    holders: dict[str, Holder]
    ground: Ground
    clock: SteppedClock
    after_each_day: Callable[[], None]
    progress: Callable[[str, float], None]

    def run(self, last_event: datetime | None) -> None:
        """Simulate what is left of the weeks after the last event."""
        moments = list(_moments())
        for index, moment in enumerate(moments):
            if last_event is None or moment > last_event:
                self.clock.set(moment)
                self._act(moment)
                if moment.time() == SLOTS[-1]:
                    self.after_each_day()
            self.progress(f"{moment:%m-%d}", (index + 1) / len(moments))
        if last_event is None or last_event < moments[-1]:
            self._hand_down_the_last()

    def _act(self, moment: datetime) -> None:
        slot = SLOTS.index(moment.time())
        if slot == 0:
            self._desk()
            self._judge()
        self._tiers(moment)
        if slot == 3:
            self._review()
            self._rectify(moment)

    # -- the county desk ---------------------------------------------------------------------------
    def _desk(self) -> None:
        """Judge a few new patches a day; a lawful suggestion is confirmed, the rest goes to the field."""
        todo = [item for item in self._patches("new,suspect") if not _is_left(item)]
        for item in todo[:DESK_A_DAY]:
            suggestion = item["suggestion"]
            if suggestion in LAWFUL_REASON:
                body = {
                    "kind": suggestion,
                    "reason_code": LAWFUL_REASON[suggestion],
                    "note": "与系统建议一致。",
                }
                self._verdict("officer", item, body)
                continue
            kind = "unlawful" if suggestion in {"suspected", "partly_exceeded"} else "doubtful"
            reason = "evidence_clear" if kind == "unlawful" else "needs_visit"
            body = {"kind": kind, "violation_code": item["violation_code"], "reason_code": reason}
            judged = self._verdict("officer", item, body)
            path = f"/patches/{item['patch_id']}/dispatch"
            self.people.post("officer", path, {"urgent": item["severity"] >= 4}, version=judged["version"])

    def _judge(self) -> None:
        """After the visit: what was found on site decides."""
        for item in self._patches("review"):
            detail = self._detail("officer", item)
            if detail["internal_state"] != "to_judge":
                continue
            change = self.ground.seen_at(shape(detail["outline"]))
            if change is None:
                body = {"kind": "not_new", "reason_code": "no_change", "note": "现场核查未见新增建设。"}
                self._verdict("officer", detail, body)
            elif not change.is_violation:
                lawful = change.expected_suggestion == "lawful"
                body = {"kind": "lawful" if lawful else "not_new", "note": "现场核查与审批、备案材料相符。"}
                body["reason_code"] = "approved" if lawful else "rebuilt_in_place"
                self._verdict("officer", detail, body)
            else:
                code = change.violation_code or detail["violation_code"]
                body = {"kind": "unlawful", "violation_code": code, "reason_code": "evidence_clear"}
                self._verdict("officer", detail, body)
                self._order(self._detail("officer", item), code)

    def _order(self, detail: Item, code: str | None) -> None:
        action, reason = "order_rectification", None
        if code in TRANSFERS:
            action, reason = "transfer", TRANSFERS[code]
        elif _share(detail["number"], "case") < 0.25:
            action = "file_case"
        self._move("officer", detail, action, reason)

    # -- handing down and visiting -------------------------------------------------------------------
    def _tiers(self, moment: datetime) -> None:
        """Each tier signs what lies with it; a few are late; the last one goes out and looks."""
        for task in self._pages("officer", "/assignments", status="open"):
            holder = self.holders.get(task["holder_name"])
            if holder is None or _is_late(task, moment):
                continue
            if task["status"] == "sent":
                self.people.post(holder.login, f"/assignments/{task['assignment_id']}/sign", {})
            elif task["status"] == "signed" and task["kind"] == "verify":
                self._visit(holder, task)

    def _hand_down_the_last(self) -> None:
        """Left on their way for a visitor: with the township, to be signed for, and to be visited."""
        for signs in range(3):
            waiting = self._patches("suspect")
            if not waiting:
                return
            item = waiting[-1]
            self.people.post("officer", f"/patches/{item['patch_id']}/dispatch", {}, version=item["version"])
            while signs:
                task = next(
                    one for one in self._detail("officer", item)["assignments"] if one["status"] == "sent"
                )
                holder = self.holders.get(task["holder_name"])
                if holder is None or (task["kind"] == "verify" and signs == 1):
                    break
                self.people.post(holder.login, f"/assignments/{task['assignment_id']}/sign", {})
                if task["kind"] == "verify":
                    break

    def _visit(self, holder: Holder, task: Item) -> None:
        detail = self.people.get(holder.login, f"/patches/{task['patch_id']}")
        change = self.ground.seen_at(shape(detail["outline"]))
        lon, lat = task["label_point"]
        place = (lon + 0.00015, lat - 0.0001)
        finding = "not_found" if change is None else FINDING_OF_KIND.get(change.kind, "built")
        body = {
            "assignment_id": task["assignment_id"],
            "device_time": self.clock().isoformat(timespec="seconds"),
            "device_counter": zlib.crc32(task["assignment_id"].encode()) % 100_000,
            "lonlat": place,
            "accuracy_m": 4.0 + 6.0 * _share(task["patch_number"], "accuracy"),
            "coord_source": "wgs84",
            "heading_deg": 315.0,
            "heading_source": "sensor",
            "finding": finding,
            "use_text": "" if change is None else task["change_class_name"],
            "party_text": "" if change is None else "某某（演示）",
            "is_stopped": _share(task["patch_number"], "stopped") < 0.6,
            "note": "现场与影像一致。" if change else "现场为耕作或季节变化，未见建设。",
        }
        visit_id = derived_id("demo-visit", task["assignment_id"])
        self.people.put(holder.login, f"/visits/{visit_id}", json=body)
        chip = self.people.content(holder.login, f"/patches/{task['patch_id']}/chips/after.jpg")
        for order, bearing_deg in enumerate((315.0, 45.0)):
            self._photo(
                holder,
                task,
                visit=str(visit_id),
                order=order,
                bearing_deg=bearing_deg,
                chip=chip,
                place=place,
            )

    def _photo(
        self,
        holder: Holder,
        task: Item,
        *,
        visit: str,
        order: int,
        bearing_deg: float,
        chip: bytes,
        place: tuple[float, float],
    ) -> None:
        at = self.clock()
        data = draw_photo(chip, bearing_deg=bearing_deg, lonlat=place, at=at, number=task["patch_number"])
        headers = {
            "Content-Type": "image/jpeg",
            "X-Content-SHA256": hashlib.sha256(data).hexdigest(),
            "X-Captured-At": at.isoformat(timespec="seconds"),
            "X-Lon": f"{place[0]:.7f}",
            "X-Lat": f"{place[1]:.7f}",
            "X-Accuracy-M": "6",
            "X-Bearing-Deg": f"{bearing_deg:.0f}",
            "X-Coord-Source": "wgs84",
            "X-From-Gallery": "false",
        }
        evidence_id = derived_id("demo-photo", visit, order, at.date())
        self.people.put(
            holder.login, f"/visits/{visit}/evidence/{evidence_id}", content=data, headers=headers
        )

    # -- review, rectification, re-check, closure -----------------------------------------------------
    def _review(self) -> None:
        for item in self._patches("review"):
            detail = self._detail("city", item)
            state = detail["internal_state"]
            if state == "county_review":
                self._first_able(("reviewer", "officer2"), detail, ("pass_review",))
            elif state == "recheck":
                self._first_able(("reviewer", "officer2"), detail, ("accept_recheck",))
            elif state == "city_review":
                self._first_able(("city", "city2"), detail, ("close", "pass_review"), reason="rectified")

    def _rectify(self, moment: datetime) -> None:
        """Townships report rectification some days after the order; a part of them not within these weeks."""
        stations = {h.division_code: h.login for h in self.holders.values() if h.kind == "station"}
        for item in self._patches("rectify"):
            detail = self._detail("officer", item)
            wait_days = 4 + math.floor(24 * _share(item["number"], "rectify"))
            ordered = datetime.fromisoformat(detail["updated_at"])
            if detail["internal_state"] == "rectifying" and moment - ordered > timedelta(days=wait_days):
                login = stations.get(item["division_code"][:9] + "000")
                if login:
                    self._first_able((login,), detail, ("report_rectified",), reason="demolished")

    # -- small steps ---------------------------------------------------------------------------------
    def _first_able(
        self, logins: tuple[str, ...], item: Item, actions: tuple[str, ...], *, reason: str | None = None
    ) -> None:
        """The first of several people whom the platform allows the move makes it."""
        for login in logins:
            detail = self._detail(login, item)
            offered = {action["action"]: action for action in detail["actions"]}
            for action in actions:
                if action in offered:
                    needed = reason if offered[action]["needs_reason"] else None
                    self._move(login, detail, action, needed)
                    return

    def _verdict(self, login: str, item: Item, body: Item) -> Item:
        path = f"/patches/{item['patch_id']}/verdict"
        judged: Item = self.people.post(login, path, body, version=item["version"])
        return judged

    def _move(self, login: str, detail: Item, action: str, reason: str | None) -> None:
        body = {"action": action, "reason_code": reason}
        self.people.post(login, f"/patches/{detail['patch_id']}/moves", body, version=detail["version"])

    def _detail(self, login: str, item: Item) -> Item:
        detail: Item = self.people.get(login, f"/patches/{item['patch_id']}")
        return detail

    def _patches(self, states: str) -> list[Item]:
        return list(self._pages("officer", "/patches", state=states, sort="number"))

    def _pages(self, login: str, path: str, **query: str) -> Iterator[Item]:
        cursor: str | None = None
        while True:
            page = self.people.get(login, path, limit=100, **query, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return


def _moments() -> Iterator[datetime]:
    day = FIRST_DAY
    while day <= LAST_DAY:
        if is_working_day(day):
            yield from (datetime.combine(day, slot, SHANGHAI) for slot in SLOTS)
        day += timedelta(days=1)


def _share(number: str, salt: str) -> float:
    """The same patch draws the same lot every time, 0 ≤ x < 1."""
    return zlib.crc32(f"{number}/{salt}".encode()) / 2**32


def _is_left(item: Item) -> bool:
    """A fifth stays on the desk, so that the map shows every state. The lot falls by place and kind: it stays
    where it is when numbers move."""
    return _share(f"{item['division_name']} {item['change_class']} {item['severity']}", "pending") < 0.22


def _is_late(task: Item, moment: datetime) -> bool:
    """Some holders let their clock run out; some do not get round to it at all in these weeks."""
    lot = _share(task["patch_number"], f"tier-{task['tier']}-{task['kind']}")
    if lot < 0.05:
        return True
    return lot < 0.12 and moment < datetime.fromisoformat(task["due_at"])
