"""From a trained net to an ONNX file: probabilities at full resolution, any size that is a multiple of 32."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from detection.learning.network import SiameseNet

OPSET = 17


class _Answer(nn.Module):  # type: ignore[misc]
    def __init__(self, net: SiameseNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        logits, _ = self.net(before, after)
        full = functional.interpolate(logits, scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.sigmoid(full)


def export_onnx(net: SiameseNet, path: Path) -> None:
    """Write the net as ONNX: ``before``, ``after`` (n, 3, rows, cols) in, ``heads`` of that shape out."""
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
