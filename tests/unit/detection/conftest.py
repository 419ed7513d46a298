"""Gives the pair makers of ``scenes.py`` to the tests beside it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def scenes() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "landwarden_test_scenes", Path(__file__).with_name("scenes.py")
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
