"""Objects of which it is known whether they were real: from verdicts, and from the generator's counties."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.second_stage.features import matrix
from foundation.errors import InvalidInput

GENERATOR, VERDICT = "generator", "verdict"


@dataclass(frozen=True, slots=True)
class Example:
    """One object with its truth.

    Attributes
    ----------
    facts : mapping
        As `detection.second_stage.features.facts_of` makes them.
    change_class : str or None
        What it really was; None where only real or not is known, as from a verdict.
    group : str
        Held out together: ``township 410883101``, ``county 77``.
    first_confidence : float
        What the first stage thought, as a chance of a real change.
    method : str
        First stage that found it.
    key : str
        Identity: the label's id, or county and number.
    recorded_at : datetime or None
        When the verdict was signed.
    """

    facts: Mapping[str, float]
    is_real: bool
    change_class: str | None
    group: str
    origin: str
    first_confidence: float
    method: str
    key: str
    recorded_at: datetime | None = None


def truth_of_verdict(verdict: str, reason_code: str | None, labels: Mapping[str, Any]) -> bool | None:
    """Whether the ground had changed, by what people signed; None where the verdict leaves it open.

    Parameters
    ----------
    labels : mapping
        ``[labels]`` of ``second_stage.toml``.
    """
    if verdict in labels["real_verdicts"] or (verdict == "not_new" and reason_code in labels["real_reasons"]):
        return True
    if verdict == "not_new" and reason_code in labels["false_reasons"]:
        return False
    return None


def data_sha256(examples: Sequence[Example]) -> str:
    """Digest of the examples, whatever their order."""
    lines = sorted(
        json.dumps([one.key, one.is_real, one.change_class, sorted(one.facts.items())], allow_nan=True)
        for one in examples
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def write_table(examples: Sequence[Example]) -> bytes:
    """The generator's examples as a small archive of plain arrays; the same examples, the same bytes."""
    names = sorted({name for one in examples for name in one.facts})
    head = {
        "names": names,
        "groups": [one.group for one in examples],
        "methods": [one.method for one in examples],
        "classes": [one.change_class or "" for one in examples],
        "keys": [one.key for one in examples],
    }
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        allow_pickle=False,
        head=np.frombuffer(json.dumps(head, separators=(",", ":")).encode(), np.uint8),
        table=matrix([one.facts for one in examples], names).astype(np.float32),
        is_real=np.array([one.is_real for one in examples]),
        first_confidence=np.array([one.first_confidence for one in examples], np.float32),
    )
    return buffer.getvalue()


def read_table(data: bytes) -> list[Example]:
    """Examples of `write_table`.

    Raises
    ------
    InvalidInput
        ``detection.second_stage.bad_table``.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            head = json.loads(archive["head"].tobytes())
            table, is_real = archive["table"].astype(float), archive["is_real"]
            first = archive["first_confidence"].astype(float)
        return [
            Example(
                _known(table[i], head["names"]),
                bool(is_real[i]),
                head["classes"][i] or None,
                head["groups"][i],
                GENERATOR,
                float(first[i]),
                head["methods"][i],
                head["keys"][i],
            )
            for i in range(len(table))
        ]
    except (ValueError, KeyError, IndexError, OSError, EOFError) as error:
        raise InvalidInput("detection.second_stage.bad_table") from error


def _known(row: NDArray[np.float64], names: Sequence[str]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, row, strict=True) if not math.isnan(value)}
