"""From a trained net to an ONNX file: probabilities at full resolution, any size that is a multiple of 32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from detection.learning.network import TwinNet
from detection.pixels.net.inference import LOW_CUT_KEY

OPSET = 17


class _Answer(nn.Module):  # type: ignore[misc]
    def __init__(self, net: TwinNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        logits = self.net(before, after)
        full = functional.interpolate(logits, scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.sigmoid(full)


def export_onnx(net: TwinNet, path: Path, *, low_cut: float | None = None) -> None:
    """Write the net as ONNX: ``before``, ``after`` (n, 3, rows, cols) in, ``heads`` of that shape out.

    Matrices are stored as half floats and widened when the file is opened.

    Parameters
    ----------
    low_cut : float, optional
        Chance to which objects grow; travels in the file, see `inference.low_cut_of`.
    """
    sample = torch.zeros(1, 3, 128, 160)
    free = {0: "n", 2: "rows", 3: "cols"}
    torch.onnx.export(
        _Answer(net.cpu().eval()),
        (sample, sample),
        str(path),
        input_names=["before", "after"],
        output_names=["heads"],
        dynamic_axes={"before": free, "after": free, "heads": free},
        opset_version=OPSET,
        dynamo=False,
    )
    _store_halves(path, {} if low_cut is None else {LOW_CUT_KEY: str(low_cut)})


def _store_halves(path: Path, facts: dict[str, str]) -> None:
    """Keep matrices as half floats, each behind a cast that the runtime folds away; note facts."""
    model = onnx.load(str(path))
    casts = []
    for one in model.graph.initializer:
        values = numpy_helper.to_array(one)
        if values.dtype != np.float32 or values.ndim < 2:
            continue
        name = one.name
        one.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + ".half"))
        casts.append(helper.make_node("Cast", [name + ".half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    if facts:
        helper.set_model_props(model, facts)
    onnx.save(model, str(path))
