"""Robust regression of one pixel's observations, compiled: Huber's weights, normal equations, Cholesky."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detection.pixels.compiled import compiled, compiled_fast

MAD_TO_SIGMA = 1.4826
SETTLED = 0.02
"""Change of the weights below which the reweighting ends."""


class Bench(NamedTuple):
    """Room for one fit: columns (terms, observations), targets, weights, residuals, and its equations.

    ``sums`` and ``totals`` hold the weighted sums that ``matrix`` and ``right`` are solved from.
    """

    columns: NDArray[np.float64]
    targets: NDArray[np.float64]
    weights: NDArray[np.float64]
    misses: NDArray[np.float64]
    scenes: NDArray[np.int64]
    matrix: NDArray[np.float64]
    right: NDArray[np.float64]
    sums: NDArray[np.float64]
    totals: NDArray[np.float64]
    spare: NDArray[np.float64]


@compiled
def room_for_fits(most: int, terms: int) -> Bench:
    return Bench(
        np.empty((terms, most)),
        np.empty(most),
        np.empty(most),
        np.empty(most),
        np.empty(most, np.int64),
        np.empty((terms, terms)),
        np.empty(terms),
        np.empty((terms, terms)),
        np.empty(terms),
        np.empty(most),
    )


@compiled
def reweighted(
    count: int, rounds: int, huber: float, ridge: float, least_sigma: float, bench: Bench
) -> float:
    """Huber's iteration: leaves the coefficients in ``right``, the factor in ``matrix``; gives the spread."""
    targets, weights, misses = bench.targets[:count], bench.weights[:count], bench.misses[:count]
    matrix, right, spare = bench.matrix, bench.right, bench.spare[:count]
    columns = bench.columns
    terms = right.size
    weights[:] = 1.0
    _sums(columns, targets, bench.sums, bench.totals)
    sigma = least_sigma
    for _ in range(rounds):
        for one in range(terms):
            right[one] = bench.totals[one]
            for other in range(one + 1):
                matrix[one, other] = bench.sums[one, other]
            matrix[one, one] += ridge if one else 0.0
        _factorise(matrix)
        _solve(matrix, right)
        _distances(columns, targets, right, misses)
        spare[:] = misses
        sigma = max(least_sigma, MAD_TO_SIGMA * _median(spare) * math.sqrt(count / (count - terms)))
        moved = 0.0
        for number in range(count):
            weight = 1.0 if misses[number] <= huber * sigma else huber * sigma / misses[number]
            step = weight - weights[number]
            if step != 0.0:
                moved = max(moved, abs(step))
                weights[number] = weight
                _add_one(columns, targets, number, step, bench.sums, bench.totals)
        if moved < SETTLED:
            break
    return float(sigma)


@compiled
def inverted(factor: NDArray[np.float64], inverse: NDArray[np.float64], spread: NDArray[np.float32]) -> None:
    """(L·Lᵀ)⁻¹, lower triangle row by row, from L; ``inverse`` is room for L⁻¹."""
    terms = factor.shape[0]
    for col in range(terms):
        inverse[col, col] = 1.0 / factor[col, col]
    for row in range(terms):
        for col in range(row):
            total = 0.0
            for inner in range(col, row):
                total -= factor[row, inner] * inverse[inner, col]
            inverse[row, col] = total * inverse[row, row]
    place = 0
    for one in range(terms):
        for other in range(one + 1):
            total = 0.0
            for inner in range(one, terms):
                total += inverse[inner, one] * inverse[inner, other]
            spread[place] = total
            place += 1


@compiled_fast
def _sums(
    columns: NDArray[np.float64],
    targets: NDArray[np.float64],
    sums: NDArray[np.float64],
    totals: NDArray[np.float64],
) -> None:
    """Of products of columns, lower triangle, and with the targets; every weight is 1."""
    for one in range(totals.size):
        total = 0.0
        for number in range(targets.size):
            total += columns[one, number] * targets[number]
        totals[one] = total
        for other in range(one + 1):
            total = 0.0
            for number in range(targets.size):
                total += columns[one, number] * columns[other, number]
            sums[one, other] = total


@compiled
def _add_one(
    columns: NDArray[np.float64],
    targets: NDArray[np.float64],
    number: int,
    step: float,
    sums: NDArray[np.float64],
    totals: NDArray[np.float64],
) -> None:
    """One observation's weight has changed by ``step``: most keep theirs from round to round."""
    for one in range(totals.size):
        part = step * columns[one, number]
        totals[one] += part * targets[number]
        for other in range(one + 1):
            sums[one, other] += part * columns[other, number]


@compiled
def _median(values: NDArray[np.float64]) -> float:
    """As `numpy.median`; the values are put in another order."""
    middle = values.size // 2
    low, high = 0, values.size - 1
    while low < high:
        pivot = values[(low + high) // 2]
        left, right = low, high
        while left <= right:
            while values[left] < pivot:
                left += 1
            while values[right] > pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if middle <= right:
            high = right
        elif middle >= left:
            low = left
        else:
            break
    upper = values[middle]
    if values.size % 2 == 1:
        return float(upper)
    return float(0.5 * (values[:middle].max() + upper))


@compiled_fast
def _distances(
    columns: NDArray[np.float64],
    targets: NDArray[np.float64],
    right: NDArray[np.float64],
    misses: NDArray[np.float64],
) -> None:
    """How far each observation lies from the curve."""
    misses[:] = targets
    for term in range(right.size):
        for number in range(targets.size):
            misses[number] -= columns[term, number] * right[term]
    for number in range(targets.size):
        misses[number] = abs(misses[number])


@compiled
def _factorise(matrix: NDArray[np.float64]) -> None:
    """Cholesky in place, lower triangle."""
    for row in range(matrix.shape[0]):
        for col in range(row + 1):
            total = matrix[row, col]
            for inner in range(col):
                total -= matrix[row, inner] * matrix[col, inner]
            if row == col:
                matrix[row, row] = math.sqrt(max(total, 1e-12))
            else:
                matrix[row, col] = total / matrix[col, col]


@compiled
def _solve(factor: NDArray[np.float64], right: NDArray[np.float64]) -> None:
    for row in range(right.size):
        for inner in range(row):
            right[row] -= factor[row, inner] * right[inner]
        right[row] /= factor[row, row]
    for row in range(right.size - 1, -1, -1):
        for inner in range(row + 1, right.size):
            right[row] -= factor[inner, row] * right[inner]
        right[row] /= factor[row, row]
