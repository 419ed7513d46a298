"""Weights of the net as a plain array file: matrices as half floats, the rest as floats."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch

from detection.learning.network import TwinNet
from foundation.errors import InvalidInput


def save_weights(net: TwinNet, path: Path) -> None:
    """Write all weights and running statistics; the file appears whole or not at all."""
    arrays = {}
    for name, value in net.state_dict().items():
        array = value.detach().cpu().numpy()
        arrays[name] = array.astype(np.float16) if array.ndim > 1 else array
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    part.replace(path)


def load_weights(path: Path) -> TwinNet:
    """A net with the weights of a file.

    Raises
    ------
    InvalidInput
        ``detection.learning.no_weights``, ``.unreadable_weights``, ``.wrong_weights``.
    """
    if not path.is_file():
        raise InvalidInput("detection.learning.no_weights", file=path.name)
    try:
        with np.load(path, allow_pickle=False) as stored:
            state = {name: torch.from_numpy(np.array(stored[name])) for name in stored.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise InvalidInput("detection.learning.unreadable_weights", file=path.name) from error
    net = TwinNet()
    own = net.state_dict()
    try:
        net.load_state_dict({name: value.to(own[name].dtype) for name, value in state.items()})
    except (KeyError, RuntimeError) as error:
        raise InvalidInput(
            "detection.learning.wrong_weights", file=path.name, reason=str(error).splitlines()[0][:120]
        ) from error
    net.eval()
    return net
