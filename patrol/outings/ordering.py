"""The order in which to see places: fewest too late, then the shortest round. Solved by OR-Tools' CP-SAT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from foundation.errors import Defect

EFFORT = 0.3
"""Deterministic seconds of CP-SAT: the same on every machine, so that the same tasks give the same order."""
SEED = 1


class Ordering(NamedTuple):
    """Places in order, and whether no better order exists or the effort only found none."""

    places: tuple[int, ...]
    is_proven: bool


def best_order(
    ways: Sequence[Sequence[int]], travels: Sequence[Sequence[int]], *, visit: int, due: Sequence[int]
) -> Ordering:
    """The order of places 1 … n from a start, place 0, and back to it.

    Parameters
    ----------
    ways : (n + 1, n + 1) int
        Lengths from place to place, in any unit.
    travels : (n + 1, n + 1) int
        Times from place to place.
    visit : int
        Time at each place, in the unit of ``travels``.
    due : (n,) int
        Time from the start by which each place must be reached; negative when that is over.

    References
    ----------
    Perron, Didier, Gay (2023), The CP-SAT-LP Solver.
    """
    # The solver is loaded by whoever plans an outing: the web process starts without it.
    from ortools.sat.python import cp_model

    count = len(due)
    model = cp_model.CpModel()
    horizon = sum(max(row) for row in travels) + visit * count
    at = [model.new_int_var(travels[0][place], horizon, "") for place in range(1, count + 1)]
    is_late = [model.new_bool_var("") for _ in due]
    legs = {
        (begin, end): model.new_bool_var("")
        for begin in range(count + 1)
        for end in range(count + 1)
        if begin != end
    }
    model.add_circuit([(begin, end, leg) for (begin, end), leg in legs.items()])
    for (begin, end), leg in legs.items():
        if begin and end:
            model.add(at[end - 1] >= at[begin - 1] + visit + travels[begin][end]).only_enforce_if(leg)
    for reached, late, limit in zip(at, is_late, due, strict=True):
        model.add(reached <= limit).only_enforce_if(~late)
    length = sum(ways[begin][end] * leg for (begin, end), leg in legs.items())
    model.minimize((sum(max(row) for row in ways) + 1) * sum(is_late) + length)

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = SEED
    solver.parameters.max_deterministic_time = EFFORT
    status = solver.solve(model)
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        raise Defect("patrol.outing.no_order", count=count, status=solver.status_name(status))
    following = {begin: end for (begin, end), leg in legs.items() if solver.value(leg)}
    order = []
    place = following[0]
    while place:
        order.append(place)
        place = following[place]
    return Ordering(tuple(order), status == cp_model.OPTIMAL)
