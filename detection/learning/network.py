"""The net: one encoder for both dates, features read as a small pyramid, compared, decoded to two heads.

Own design after the idea of fully convolutional siamese nets (Daudt, Le Saux, Boulch 2018): what is compared
are features that also have to tell roofs at each date, so that colour alone does not carry a change.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (16, 32, 56, 80)
NECK = 48
HEADS = 2
ROOFS, LAND = slice(0, 1), slice(1, 2)
"""Heads of `TwinNet.see_roofs` and of `TwinNet.see_land`."""


def _unit(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _unit(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, pixels: Tensor) -> Tensor:
        return functional.relu(pixels + self.second(self.first(pixels)))


def _double(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)


class SiameseNet(nn.Module):  # type: ignore[misc]
    """Scaled colours of two dates → change logits of each head.

    Input ``before``, ``after``: (n, 3, rows, cols) float32, sides multiples of 16. Output: change logits
    (n, heads, rows / 2, cols / 2) and roof logits (2 n, 1, rows / 4, cols / 4), before's then after's.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth = WIDTHS
        self.stem = _unit(3, first, kernel=5, stride=2)
        self.stage2 = nn.Sequential(_unit(first, second, stride=2), _Residual(second))
        self.stage3 = nn.Sequential(_unit(second, third, stride=2), _Residual(third))
        self.stage4 = nn.Sequential(_unit(third, fourth, stride=2), _Residual(fourth))
        self.neck4 = nn.Conv2d(fourth, NECK, 1)
        self.neck3 = nn.Conv2d(third, NECK, 1)
        self.neck2 = nn.Conv2d(second, NECK, 1)
        self.smooth = _unit(NECK, NECK)
        self.roof = nn.Conv2d(NECK, 1, 1)
        self.compare3 = nn.Sequential(_unit(3 * NECK, NECK, kernel=1), _unit(NECK, NECK))
        self.compare2 = nn.Sequential(_unit(4 * NECK, NECK, kernel=1), _unit(NECK, NECK))
        self.compare1 = nn.Sequential(_unit(3 * first + NECK, 24, kernel=1), _unit(24, 24))
        self.heads = nn.Conv2d(24, HEADS, 1)

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        count = before.shape[0]
        fine = self.stem(torch.cat([before, after]))
        second = self.stage2(fine)
        third = self.stage3(second)
        coarse = self.neck3(third) + _double(self.neck4(self.stage4(third)))
        middle = self.smooth(self.neck2(second) + _double(coarse))
        deep = self.compare3(_contrast(coarse, count))
        mixed = self.compare2(torch.cat([_contrast(middle, count), _double(deep)], dim=1))
        change = self.compare1(torch.cat([_contrast(fine, count), _double(mixed)], dim=1))
        return self.heads(change), self.roof(middle)


class TwinNet(nn.Module):  # type: ignore[misc]
    """Two nets of one shape: the first answers for buildings, the second for land.

    Roofs need long training on fine shapes; converted land carries over to real ground better from the mean
    of an early and the last state.
    """

    def __init__(self, roofs: SiameseNet | None = None, land: SiameseNet | None = None) -> None:
        super().__init__()
        self.roofs = roofs or SiameseNet()
        self.land = land or SiameseNet()

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        return torch.cat([self.see_roofs(before, after), self.see_land(before, after)], dim=1)

    def see_roofs(self, before: Tensor, after: Tensor) -> Tensor:
        """Logits of new buildings, (n, 1, rows / 2, cols / 2)."""
        building: Tensor = self.roofs(before, after)[0][:, :1]
        return building

    def see_land(self, before: Tensor, after: Tensor) -> Tensor:
        """Logits of converted land, (n, 1, rows / 2, cols / 2)."""
        land: Tensor = self.land(before, after)[0][:, 1:]
        return land


def mean_net(first: SiameseNet, second: SiameseNet) -> SiameseNet:
    """The net whose weights and running statistics lie half way between two states of one training."""
    net, own, other = SiameseNet(), first.state_dict(), second.state_dict()
    net.load_state_dict(
        {
            name: (value + other[name]) / 2 if value.dtype.is_floating_point else other[name]
            for name, value in own.items()
        }
    )
    net.eval()
    return net


def _contrast(features: Tensor, count: int) -> Tensor:
    before, after = features[:count], features[count:]
    return torch.cat([before, after, (after - before).abs()], dim=1)


def count_parameters(net: nn.Module) -> int:
    """Trained figures in the net."""
    return sum(one.numel() for one in net.parameters())
