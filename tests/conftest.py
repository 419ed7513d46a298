"""What every test shares: where the shared scenes lie, and a data folder that is nobody's."""

from __future__ import annotations

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SHARED = PROJECT.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests on shared scenes where those are missing."""
    if SHARED.is_dir():
        return
    missing = pytest.mark.skip(reason="needs ../shared/data, which is not here")
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(missing)


@pytest.fixture(scope="session")
def shared_scenes() -> Path:
    """Folder of the real scenes with ground truth."""
    return SHARED / "scenes"
