"""Compiled kernels: loops over pixels and runs that no array expression says well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Compile on first use, keep on disk, release the interpreter's lock while it runs."""
    return cast(Kernel, njit(cache=True, nogil=True)(function))


def compiled_fast(function: Kernel) -> Kernel:
    """The same for sums of floats whose order does not matter to the result's meaning."""
    return cast(Kernel, njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})(function))
