"""The made-up pairs of the unit tests, here too."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def scenes() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "unit" / "detection" / "scenes.py"
    spec = importlib.util.spec_from_file_location("landwarden_test_scenes", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
