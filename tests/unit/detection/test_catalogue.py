"""The catalogue of detectors: all ten, one truth with what runs, and the page made from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from detection import cli
from detection.catalogue.detectors import as_markdown, catalogue
from detection.jobs import register as register_jobs
from detection.pixels.detectors.registry import DETECTORS
from detection.rules import current_rules

PAGE = Path(__file__).resolve().parents[3] / "docs" / "detectors.md"
ALL = {
    "change_vector", "irmad", "index_difference", "harmonic_monitor", "sar_log_ratio", "surface_height",
    "siamese", "cross_sensor", "camera", "cadastral_diff",
}  # fmt: skip


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    made = typer.Typer()
    cli.register(made)
    return made


def test_all_ten_stand_in_a_catalogue_that_nobody_changes() -> None:
    assert set(catalogue()) == ALL
    assert {entry.input for entry in catalogue().values()} == {"pair", "stack", "frames", "registers"}
    with pytest.raises(TypeError):
        catalogue()["irmad"] = catalogue()["siamese"]  # type: ignore[index]


def test_it_tells_what_the_detectors_themselves_say() -> None:
    for name, detector in DETECTORS.items():
        needs = catalogue()[name].needs
        assert (needs.version, set(needs.dtypes)) == (detector.spec.version, set(detector.spec.dtypes))
        assert detector.spec.parameters.items() <= needs.parameters.items()
    register = catalogue()["cadastral_diff"].needs.parameters
    assert register["resurvey_m"] == current_rules().thresholds["register"]["resurvey_m"]


def test_every_entry_leads_to_a_command_and_a_job_that_exist(app: typer.Typer) -> None:
    class Queue:
        names: set[str] = set()

        def add(self, name: str, job: object, **_: object) -> None:
            self.names.add(name)

    register_jobs(Queue())  # type: ignore[arg-type]
    for entry in catalogue().values():
        command = get_command(app)
        for word in entry.command.split()[1:]:
            command = command.commands[word]  # type: ignore[attr-defined]
        assert entry.job in Queue.names | {""}


def test_the_command_prints_it_and_the_page_is_the_printed_one(app: typer.Typer) -> None:
    told = json.loads(CliRunner().invoke(app, ["detection", "detectors", "--json"]).output)
    assert {row["name"] for row in told} == ALL
    assert CliRunner().invoke(app, ["detection", "detectors", "--markdown"]).output == PAGE.read_text("utf-8")
    assert PAGE.read_text("utf-8") == as_markdown(list(catalogue().values()))
