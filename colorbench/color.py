"""sRGB <-> CIE Lab (D65, 2 degrees), equal to scikit-image's, in torch; the only definition of the gray input.

Tensors keep their device; float64 where float64 comes in, else float32. Axis order is channels last.
Formulas: IEC 61966-2-1 and CIE 15:2004, with the matrix and the white that scikit-image uses, so that numbers agree with
published scripts: float64 within 1e-10, float32 within 1e-4 Lab units over all 2^24 colors.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colorbench.types import LStar, RgbFrame

Rounding = Literal["nearest", "truncate"]

XYZ_FROM_RGB = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
WHITE_D65 = (0.95047, 1.0, 1.08883)
GRAY = 3.0
"""Chroma that a hundredth of a picture's pixels must exceed for it to count as colored; JPEG leaves about 1 in a gray one."""


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB to CIE Lab.

    Args:
        rgb: (..., 3) float in [0, 1], or uint8 in [0, 255] (computed in float32).

    Returns:
        (..., 3) L* in [0, 100], a* and b* about [-110, 110].

    >>> rgb_to_lab(torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)).round(decimals=3).tolist()
    [53.241, 80.092, 67.203]
    """
    linear = _linear_of_u8(rgb.device)[rgb.long()] if rgb.dtype == torch.uint8 else _to_linear(rgb)
    matrix = linear.new_tensor(_scaled_matrix()).T
    f = _f(linear @ matrix)
    x, y, z = f.unbind(-1)
    return torch.stack((116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)), dim=-1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """CIE Lab to sRGB, clipped to the gamut as scikit-image does.

    Args:
        lab: (..., 3) float.

    Returns:
        (..., 3) in [0, 1].
    """
    l_star, a, b = lab.unbind(-1)
    y = (l_star + 16.0) / 116.0
    f = torch.stack((y + a / 500.0, y, (y - b / 200.0).clamp_min(0.0)), dim=-1)
    xyz = torch.where(f > 0.2068966, f**3, (f - 16.0 / 116.0) / 7.787)
    inverse = np.linalg.inv(np.array(XYZ_FROM_RGB)) * np.array(WHITE_D65)
    linear = xyz @ lab.new_tensor(inverse.T.tolist())
    curved = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, curved, 12.92 * linear).clamp(0.0, 1.0)


def to_u8(rgb: Tensor, *, rounding: Rounding = "nearest") -> Tensor:
    """[0, 1] to uint8 in [0, 255]. ``truncate`` is what several released codes do; it costs half a level of bias."""
    scaled = rgb * 255.0
    return (scaled.round() if rounding == "nearest" else scaled).to(torch.uint8)


def luminance(rgb: RgbFrame) -> LStar:
    """CIE L* of an 8-bit sRGB picture: the gray input of every method.

    Args:
        rgb: (H, W, 3) uint8 in [0, 255].

    Returns:
        (H, W) float32 in [0, 100].
    """
    import cv2

    weighted = torch.from_numpy(cv2.LUT(rgb, _weighted_linear_of_u8()))
    y = weighted[..., 0] + weighted[..., 1]
    y += weighted[..., 2]
    result: LStar = (116.0 * _f(y) - 16.0).numpy()
    return result


def luma_rec601(rgb: RgbFrame) -> NDArray[np.uint8]:
    """Gamma-encoded luma Y' = 0.299 R' + 0.587 G' + 0.114 B' (ITU-R BT.601), rounded, as common "grayscale" files hold it.

    Args:
        rgb: (H, W, 3) uint8 in [0, 255].

    Returns:
        (H, W) uint8 in [0, 255].
    """
    r, g, b = (rgb[..., c].astype(np.uint32) for c in range(3))
    return ((299 * r + 587 * g + 114 * b + 500) // 1000).astype(np.uint8)


def merge_luminance(l_star: LStar, ab: NDArray[np.float32], *, rounding: Rounding = "nearest") -> RgbFrame:
    """Luminance and chroma to an 8-bit sRGB picture.

    Args:
        l_star: (H, W) float32 in [0, 100].
        ab: (H, W, 2) float32 a* and b*; colors outside the sRGB gamut are clipped channel by channel.
        rounding: to the nearest level, or downwards.

    Returns:
        (H, W, 3) uint8 in [0, 255].
    """
    lab = torch.cat((torch.from_numpy(l_star)[..., None], torch.from_numpy(ab)), dim=-1)
    result: RgbFrame = to_u8(lab_to_rgb(lab), rounding=rounding).numpy()
    return result


def is_gray(rgb: RgbFrame) -> bool:
    """Whether an (H, W, 3) uint8 picture has no color: 99 of 100 pixels of every second row and column are under GRAY.

    >>> is_gray(np.full((4, 4, 3), 90, np.uint8)), is_gray(np.full((4, 4, 3), (200, 90, 60), np.uint8))
    (True, False)
    """
    lab = rgb_to_lab(torch.from_numpy(rgb[::2, ::2].copy()))
    return bool(np.quantile(lab[..., 1:].norm(dim=-1).numpy(), 0.99) < GRAY)


def _to_linear(rgb: Tensor) -> Tensor:
    return torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)


@lru_cache(maxsize=8)
def _linear_of_u8(device: torch.device) -> Tensor:
    """Linear light of the 256 levels; correctly rounded from float64."""
    return _to_linear(torch.arange(256, dtype=torch.float64) / 255.0).float().to(device)


@lru_cache(maxsize=1)
def _weighted_linear_of_u8() -> NDArray[np.float32]:
    """What each of the 256 levels of R, G and B adds to Y: (1, 256, 3)."""
    table = _linear_of_u8(torch.device("cpu"))
    return torch.stack([table * weight for weight in XYZ_FROM_RGB[1]], dim=-1)[None].numpy()


def _scaled_matrix() -> list[list[float]]:
    """XYZ from linear RGB, relative to the white."""
    rows: list[list[float]] = (np.array(XYZ_FROM_RGB) / np.array(WHITE_D65)[:, None]).tolist()
    return rows


def _f(t: Tensor) -> Tensor:
    """CIE's f: cube root with a linear part near black."""
    return torch.where(t > 0.008856, t.clamp_min(0.008856).pow(1.0 / 3.0), 7.787 * t + 16.0 / 116.0)
