"""The oracle of log-mel features: one frame in Python integers of any size, written from docs/features.md and not from
the code. It asserts every range that the arithmetic needs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rnn_edge.features import LogMel

Complex = tuple[int, int]


def in_32_bits(value: int) -> int:
    assert -(2**31) <= value < 2**31
    return value


def half_up(value: int, shift: int) -> int:
    half: int = 2**shift // 2
    return (in_32_bits(value) + half) // (2 * half or 1)


def bits(values: Sequence[int]) -> int:
    """The least b with -2^b <= v < 2^b for all of them."""
    return max((v if v >= 0 else -v - 1).bit_length() for v in values)


def stored(values: list[Complex]) -> list[Complex]:
    assert all(-32768 <= part <= 32767 for value in values for part in value)
    return values


def parts(values: list[Complex]) -> list[int]:
    return [part for value in values for part in value]


def turn(count: int, features: LogMel) -> Complex:
    """Cosine and sine of 2 pi count / fft at 2^-14."""
    quarter, points = features.quarter_sine.tolist(), features.fft

    def sine(k: int) -> int:
        k %= points
        if k > points // 2:
            return -sine(points - k)
        return int(quarter[min(k, points // 2 - k)])

    return sine(count + points // 4), sine(count)


def divided(z: Complex, w: Complex) -> Complex:
    """z / w at 2^-14."""
    return in_32_bits(z[0] * w[0] + z[1] * w[1]), in_32_bits(z[1] * w[0] - z[0] * w[1])


def transform(z: list[Complex], features: LogMel) -> tuple[list[Complex], int]:
    """The discrete transform of z in natural order, over its digits: its result and the sum of its shifts."""
    points = len(z)
    order = [int(format(k, f"0{points.bit_length() - 1}b")[::-1], 2) for k in range(points)]
    z, total, size = [z[k] for k in order], 0, 1
    if math.isqrt(points) ** 2 != points:
        shift = max(bits(parts(z)) - 13, 0)
        for k in range(0, points, 2):
            a, b = z[k], z[k + 1]
            z[k] = half_up(a[0] + b[0], shift), half_up(a[1] + b[1], shift)
            z[k + 1] = half_up(a[0] - b[0], shift), half_up(a[1] - b[1], shift)
        total, size = shift, 2
    while size < points:
        shift = max(bits(parts(stored(z))) - 12, 0)
        for start in range(0, points, 4 * size):
            for j in range(size):
                places = [start + j + block * size for block in range(4)]
                step = j * features.fft // (4 * size)
                a, c, b, d = (
                    divided(z[place], turn(times * step, features))
                    for place, times in zip(places, (0, 2, 1, 3), strict=True)
                )
                for quarter, place in enumerate(places):
                    # a + b i^-q + c i^-2q + d i^-3q
                    total_re = total_im = 0
                    for power, value in enumerate((a, b, c, d)):
                        re, im = value
                        for _ in range(power * quarter % 4):
                            re, im = im, -re
                        total_re, total_im = total_re + re, total_im + im
                    z[place] = half_up(total_re, shift + 14), half_up(total_im, shift + 14)
        total, size = total + shift, size * 4
    return stored(z), total


def frame(samples: Iterable[int], features: LogMel) -> list[int]:
    """Octaves of power in every band at 2^-8."""
    x = [int(v) for v in samples]
    gain = min(15 - bits(x), 8)
    hann = features.half_hann.tolist()
    windowed = [half_up(v * 2**gain * hann[min(n, len(x) - n)], 16) for n, v in enumerate(x)]
    windowed += [0] * (features.fft - len(x))
    z, shifts = transform(stored(list(zip(windowed[0::2], windowed[1::2], strict=True))), features)
    width = max(bits(parts(z)), 7) + 1
    exponent = 1 - gain + shifts + width - 15
    assert exponent >= -14
    bands = [0] * features.mels
    triangles = features._triangles.tolist()
    for k in range(1, features.fft // 2):
        a, b = z[k], z[-k]
        even, odd = (a[0] + b[0], a[1] - b[1]), (a[0] - b[0], a[1] + b[1])
        re, im = divided(odd, turn(k, features))
        # 2 X = even - i odd / w
        total = (in_32_bits(even[0] * 2**14 + im), in_32_bits(even[1] * 2**14 - re))
        re, im = half_up(total[0], width), half_up(total[1], width)
        in_32_bits(re * re)
        power = re * re + im * im
        assert power < 2**32
        bands = [band + power * weight for band, weight in zip(bands, triangles[k], strict=True)]
    unit = features.floor + 8 - 2 * exponent
    floor = 2**unit if unit >= 0 else 0
    return [octaves(max(band + floor, 1)) + 256 * (2 * exponent - 8) for band in bands]


def octaves(value: int) -> int:
    """log2 at 2^-8."""
    assert value < 2**53
    whole = value.bit_length() - 1
    fraction: int = value * 2**16 // 2**whole - 2**16
    low, high = (round(math.log2(1 + i / 32) * 2**15) for i in (fraction // 2048, fraction // 2048 + 1))
    return 256 * whole + (low * 2048 + (high - low) * (fraction % 2048) + 2**17) // 2**18
