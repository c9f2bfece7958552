"""The oracle of the kernels: Python integers of any size, written from the description and not from the code."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_edge.ir.tables import EXP2, SIGMOID


def clip(value: int, bits: int) -> int:
    limit = 1 << (bits - 1)
    return min(max(value, -limit), limit - 1)


def by_power_of_two(value: int, shift: int) -> int:
    """TensorFlow Lite's MultiplyByQuantizedMultiplier for 2^-shift: a doubling high multiply by 2^30, then a shift."""
    product = value * 2**30
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    high = abs(nudged) // 2**31 * (1 if nudged >= 0 else -1)
    magnitude = (2 * abs(high) + 2 ** (shift - 1)) // 2**shift if shift > 1 else abs(high)
    return magnitude if high >= 0 else -magnitude


def requantize(accumulator: int, r: int, t: int) -> int:
    half: int = 2 ** (t - 1)
    return clip((accumulator * r + half) // 2**t, 16)


def curve(magnitude: int, steps: int, top: int) -> int:
    """The table at `magnitude / steps`, times `steps`."""
    index = magnitude // steps
    if index >= 255:
        return top * steps
    return SIGMOID[index] * steps + (magnitude % steps) * (SIGMOID[index + 1] - SIGMOID[index])


def sigmoid(value: int, fraction: int) -> int:
    position = value * 3 * 2 ** (12 - fraction)
    r = curve(abs(position), 512, 65534)
    return (r + 512) // 1024 if position >= 0 else (2**25 - r + 511) // 1024


def tanh(value: int, fraction: int) -> int:
    position = value * 3 * 2 ** (12 - fraction)
    r = curve(abs(position), 256, 65535)
    return (r - 2**23 + 128) // 256 if position >= 0 else (2**23 - r + 127) // 256


def softmax(logits: Sequence[int], multiplier: int) -> list[int]:
    powers = []
    for logit in logits:
        octaves, rest = divmod((max(logits) - logit) * multiplier // 2**16, 1024)
        index, between = divmod(rest, 32)
        power = (EXP2[index] * (32 - between) + EXP2[index + 1] * between) // 32
        powers.append(power // 2**octaves if octaves < 64 else 0)
    return [power * 32767 // sum(powers) for power in powers]
