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

    ``terms`` numbers the coefficients: the compiler knows a tuple's length, so its loops are laid out flat.
    ``moments`` holds a row for each observation: products of its columns, lower triangle row by row, then of
    its columns with its target. ``sums`` is their weighted sum; ``matrix`` and ``right`` are solved from it.
    """

    terms: tuple[int, ...]
    columns: NDArray[np.float64]
    targets: NDArray[np.float64]
    moments: NDArray[np.float64]
    weights: NDArray[np.float64]
    misses: NDArray[np.float64]
    scenes: NDArray[np.int64]
    matrix: NDArray[np.float64]
    right: NDArray[np.float64]
    inverse: NDArray[np.float64]
    sums: NDArray[np.float64]
    spare: NDArray[np.float64]


@compiled
def room_for_fits(most: int, numbers: tuple[int, ...]) -> Bench:
    terms = len(numbers)
    moments = terms * (terms + 1) // 2 + terms
    return Bench(
        numbers,
        np.empty((terms, most)),
        np.empty(most),
        np.empty((most, moments)),
        np.empty(most),
        np.empty(most),
        np.empty(most, np.int64),
        np.empty((terms, terms)),
        np.empty(terms),
        np.empty((terms, terms)),
        np.empty(moments),
        np.empty(most),
    )


@compiled
def reweighted(
    count: int, rounds: int, huber: float, ridge: float, least_sigma: float, bench: Bench
) -> float:
    """Huber's iteration: leaves the coefficients in ``right``, the factor in ``matrix``; gives the spread."""
    targets, weights, misses = bench.targets[:count], bench.weights[:count], bench.misses[:count]
    matrix, right, spare = bench.matrix, bench.right, bench.spare[:count]
    columns, moments, sums = bench.columns, bench.moments, bench.sums
    terms = len(bench.terms)
    weights[:] = 1.0
    sums[:] = 0.0
    for number in range(count):
        _multiply_out(columns, targets[number], number, moments[number], bench.terms)
        _add_one(moments[number], 1.0, sums, bench.terms)
    sigma = least_sigma
    for _ in range(rounds):
        place = 0
        for one in range(terms):
            for other in range(one + 1):
                matrix[one, other] = sums[place]
                place += 1
            matrix[one, one] += ridge if one else 0.0
        right[:] = sums[place:]
        _factorise(matrix, bench.terms)
        _solve(matrix, right, bench.terms)
        _distances(columns, targets, right, misses, bench.terms)
        spare[:] = misses
        sigma = max(least_sigma, MAD_TO_SIGMA * _median(spare) * math.sqrt(count / (count - terms)))
        moved = 0.0
        for number in range(count):
            weight = 1.0 if misses[number] <= huber * sigma else huber * sigma / misses[number]
            step = weight - weights[number]
            if step != 0.0:
                moved = max(moved, abs(step))
                weights[number] = weight
                _add_one(moments[number], step, sums, bench.terms)
        if moved < SETTLED:
            break
    return float(sigma)


@compiled
def inverted(bench: Bench, spread: NDArray[np.float32]) -> None:
    """(L·Lᵀ)⁻¹, lower triangle row by row, from L in ``matrix``."""
    factor, inverse, terms = bench.matrix, bench.inverse, len(bench.terms)
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


@compiled
def _multiply_out(
    columns: NDArray[np.float64],
    target: float,
    number: int,
    moments: NDArray[np.float64],
    numbers: tuple[int, ...],
) -> None:
    """What one observation of weight 1 adds to the sums."""
    terms = len(numbers)
    place = 0
    for one in range(terms):
        for other in range(one + 1):
            moments[place] = columns[one, number] * columns[other, number]
            place += 1
    for one in range(terms):
        moments[place + one] = columns[one, number] * target


@compiled
def _add_one(
    moments: NDArray[np.float64], step: float, sums: NDArray[np.float64], numbers: tuple[int, ...]
) -> None:
    """One observation's weight has changed by ``step``: most keep theirs from round to round."""
    for place in range(len(numbers) * (len(numbers) + 3) // 2):
        sums[place] += step * moments[place]


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
    numbers: tuple[int, ...],
) -> None:
    """How far each observation lies from the curve."""
    for number in range(targets.size):
        miss = targets[number]
        for term in range(len(numbers)):
            miss -= columns[term, number] * right[term]
        misses[number] = abs(miss)


@compiled
def _factorise(matrix: NDArray[np.float64], numbers: tuple[int, ...]) -> None:
    """Cholesky in place, lower triangle."""
    for row in range(len(numbers)):
        for col in range(row + 1):
            total = matrix[row, col]
            for inner in range(col):
                total -= matrix[row, inner] * matrix[col, inner]
            if row == col:
                matrix[row, row] = math.sqrt(max(total, 1e-12))
            else:
                matrix[row, col] = total / matrix[col, col]


@compiled
def _solve(factor: NDArray[np.float64], right: NDArray[np.float64], numbers: tuple[int, ...]) -> None:
    for row in range(len(numbers)):
        for inner in range(row):
            right[row] -= factor[row, inner] * right[inner]
        right[row] /= factor[row, row]
    for row in range(len(numbers) - 1, -1, -1):
        for inner in range(row + 1, len(numbers)):
            right[row] -= factor[inner, row] * right[inner]
        right[row] /= factor[row, row]
