"""The notebook runs from top to bottom anywhere, and finds what it says it finds."""

from __future__ import annotations

import ast
import json
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[3]
NOTEBOOK = PROJECT / "notebooks" / "01-change-detection.ipynb"


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    loader = SourceFileLoader("landwarden_notebook_runner", str(PROJECT / "scripts" / "notebook"))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def test_the_notebook_runs_and_its_result_is_good(runner, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    space = runner.run_cells(cells)
    assert space["registration"].inlier_share > 0.5
    assert space["outcome"]["recall"] >= 0.85
    assert space["outcome"]["precision"] >= 0.85
    assert space["found"].no_change_control < 0.005
    pictures = [out for cell in cells for out in cell.get("outputs", ()) if "image/jpeg" in out["data"]]
    assert len(pictures) >= 4


def test_the_notebook_is_small_shows_pictures_and_defines_nothing():
    assert NOTEBOOK.stat().st_size < 1_500_000
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)
    assert sum("image/jpeg" in out["data"] for cell in code for out in cell["outputs"]) >= 4
    for cell in code:
        tree = ast.parse("".join(cell["source"]))
        assert not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.walk(tree))
