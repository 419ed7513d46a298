"""How the loops over edges are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Compile on first use, keep on disk, release the interpreter's lock while it runs."""
    return cast(Kernel, njit(cache=True, nogil=True)(function))
