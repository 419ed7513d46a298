"""The house keeps its shape: floors, sizes, names, texts, settings, lock files without addresses."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.errors import known_codes
from foundation.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
FLOORS = ("foundation", "ingest", "detection", "patrol", "webmap")
MODULE_LINES = 500
FUNCTION_LINES = 60
PACKAGE_MODULES = 15
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "manager", "core"}
CODE = re.compile(r"^(foundation|ingest|detection|patrol|webmap)(\.[a-z0-9_]+){2,}$")
EDGES = {"foundation/cli.py", "foundation/jobs.py", "webmap/problems.py", "webmap/app.py"}
"""The only places that may catch everything: a command, a job, a request."""


def modules() -> list[Path]:
    return [
        path
        for floor in FLOORS
        for path in sorted((PROJECT / floor).rglob("*.py"))
        if "client" not in path.parts
    ]


def parsed() -> Iterator[tuple[str, ast.Module]]:
    for path in modules():
        yield path.relative_to(PROJECT).as_posix(), ast.parse(path.read_text("utf-8"))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_lint_types_and_import_contracts() -> None:
    done = run("sh", "scripts/check")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_module_is_small_and_well_named(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MODULE_LINES
    assert path.stem not in FORBIDDEN_NAMES


def test_functions_are_short() -> None:
    long = [
        f"{name}:{node.lineno} {node.name} ({(node.end_lineno or 0) - node.lineno + 1} lines)"
        for name, tree in parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES
    ]
    assert long == []


def test_packages_are_divided_by_noun_before_they_burst() -> None:
    sizes = {
        folder.relative_to(PROJECT).as_posix(): len(
            [p for p in folder.glob("*.py") if p.name != "__init__.py"]
        )
        for floor in FLOORS
        for folder in [
            PROJECT / floor,
            *(p for p in (PROJECT / floor).rglob("*") if (p / "__init__.py").exists()),
        ]
    }
    # The kernel is a closed list and may stand alone; every other package divides.
    assert {
        name: size for name, size in sizes.items() if size > PACKAGE_MODULES and name != "foundation"
    } == {}


def test_package_signboards_hold_no_code() -> None:
    for name, tree in parsed():
        if name.endswith("__init__.py"):
            assert len(tree.body) == 1, name
            assert ast.get_docstring(tree), name


def test_no_assert_and_no_catch_all_below_the_edges() -> None:
    for name, tree in parsed():
        for node in ast.walk(tree):
            assert not isinstance(node, ast.Assert), f"{name}:{node.lineno}"
            is_catch_all = isinstance(node, ast.ExceptHandler) and (
                node.type is None
                or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})
            )
            assert not is_catch_all or name in EDGES, f"{name}:{getattr(node, 'lineno', 0)}"


def raised_codes() -> Iterator[tuple[str, str]]:
    """Every dotted code that is passed as the first argument to one of the error kinds."""
    kinds = {
        "InvalidInput",
        "NotAuthenticated",
        "NotAllowed",
        "NotFound",
        "Conflict",
        "Unavailable",
        "Defect",
    }
    for name, tree in parsed():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in kinds
                and node.args
            ):
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield f"{name}:{node.lineno}", first.value


def test_every_error_has_a_text_in_both_languages() -> None:
    codes = list(raised_codes())
    assert len(codes) > 20
    assert [place for place, code in codes if not CODE.match(code)] == []
    assert sorted({code for _, code in codes} - known_codes()) == []
    for path in (PROJECT / "data" / "messages").glob("*.toml"):
        for code, texts in tomllib.loads(path.read_text("utf-8")).items():
            assert texts.get("zh"), code
            assert texts.get("en"), code


def test_every_setting_is_documented() -> None:
    text = (PROJECT / "docs" / "settings.md").read_text("utf-8")
    missing = [name for name in Settings.model_fields if f"`LANDWARDEN_{name.upper()}`" not in text]
    assert missing == []
    documented = set(re.findall(r"`LANDWARDEN_([A-Z_]+)`", text))
    assert documented == {name.upper() for name in Settings.model_fields}


def test_lock_files_hold_no_address() -> None:
    locks = [*PROJECT.glob("requirements*.lock"), PROJECT / "webmap" / "client" / "package-lock.json"]
    assert len(locks) >= 4
    for path in locks:
        text = path.read_text("utf-8")
        assert "://" not in text, path.name
        if path.suffix == ".lock":
            pinned = text.count("==")
            assert pinned > 0
            assert text.count("--hash=sha256:") >= pinned, path.name


def test_the_web_process_loads_no_opencv_no_compiler_and_no_detector() -> None:
    code = (
        "import webmap.app, sys; "
        "print([m for m in sys.modules if m in {'cv2', 'numba'} or m.startswith('detection.pixels.detectors')"
        " or m == 'detection.pixels.pipeline'])"
    )
    done = run(sys.executable, "-c", code)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_truth_is_opened_by_the_evaluation_only() -> None:
    """No product module but the ones that write or measure names the truth folder."""
    allowed = ("ingest/sources/synthetic/", "detection/evaluation/", "detection/accuracy/", "webmap/demo/")
    users = [
        name
        for name, tree in parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "truth.gpkg" in node.value
        if not name.startswith(allowed)
    ]
    assert users == []
