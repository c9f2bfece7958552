"""The power spectrum of frames in block floating point: the definition of `rnn_log_mel_frame` up to the bands.

A frame of `n` real samples is a complex transform of `n / 2` points (even samples real, odd ones imaginary), radix 4,
decimation in time, in place on int16. Before each stage the block is looked at, and the stage shifts right as far as
its largest component makes necessary, with one rounding (half up) for a butterfly. All products and sums fit int32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .curves import TWIDDLE_BITS, IntArray, half_hann, quarter_sine

Block = NDArray[np.int32]

_LOUDEST_GAIN = 8
"""A quiet frame is shifted left by at most this much: more than that is noise of the converter."""

_FEWEST_BITS = 7
"""The block before the split counts as one of at least this many bits, which bounds the exponent."""


def bit_length(value: NDArray[np.integer[Any]]) -> IntArray:
    """Bits of each value, 0 <= value < 2^53."""
    return np.frexp(value.astype(np.float64))[1].astype(np.int64)


def _bits(block: Block) -> IntArray:
    """Fewest bits b with -2^b <= x < 2^b for all x of each frame; `block` is `[frames, n]`."""
    return bit_length(np.bitwise_or.reduce(block ^ (block >> 31), axis=1))


def _shift_round(value: Block, shift: IntArray) -> Block:
    """value * 2^-shift, half up; a shift for each frame."""
    count = shift.astype(np.int32).reshape(-1, *(1 for _ in value.shape[1:]))
    shifted: Block = (value + (np.left_shift(np.int32(1), count) >> 1)) >> count
    return shifted


def power_spectrum(frames: NDArray[np.int16], fft: int) -> tuple[IntArray, IntArray]:
    """Power of the bins 0 to fft / 2 - 1 of frames `[f, window]`: mantissas `[f, fft / 2]` below 2^32, exponents `[f]`.

    The power of X = fft(hann * frame) is mantissa * 4^exponent, -14 <= exponent.
    """
    real, imaginary, exponent = _windowed(frames.astype(np.int32), fft)
    size = 1
    if (fft // 2).bit_length() % 2 == 0:  # the number of points is two times a power of four
        real, imaginary, shift = _radix_2(real, imaginary)
        exponent, size = exponent + shift, 2
    while size < fft // 2:
        real, imaginary, shift = _radix_4(real, imaginary, size, fft)
        exponent, size = exponent + shift, size * 4
    return _split(real, imaginary, exponent, fft)


def _windowed(frames: Block, fft: int) -> tuple[Block, Block, IntArray]:
    """The frames at full scale, windowed, as complex numbers in bit-reversed order; |component| <= 2^14."""
    window = frames.shape[1]
    half = half_hann(window).astype(np.int32)
    gain = np.minimum(15 - _bits(frames), _LOUDEST_GAIN)
    scaled = np.left_shift(frames, gain.astype(np.int32)[:, None])  # -2^15 to 2^15 - 1
    samples = np.zeros((len(frames), fft), dtype=np.int32)
    # |product| <= 2^15 * 2^15: with the half that rounds below 2^31
    samples[:, :window] = (scaled * np.concatenate([half, half[-2:0:-1]]) + (1 << 15)) >> 16
    order = _bit_reversed(fft // 2)
    return samples[:, 0::2][:, order], samples[:, 1::2][:, order], 1 - gain


def _bit_reversed(points: int) -> IntArray:
    order = np.zeros(1, dtype=np.int64)
    while len(order) < points:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


def _radix_2(real: Block, imaginary: Block) -> tuple[Block, Block, IntArray]:
    """The first stage, without twiddles: from |x| <= 2^14 to |y| <= 2^14 + 1."""
    shift = np.maximum(_bits(np.concatenate([real, imaginary], axis=1)) - 13, 0)
    parts = []
    for x in (real, imaginary):
        pair = x.reshape(len(x), -1, 2)
        both = np.stack([pair[:, :, 0] + pair[:, :, 1], pair[:, :, 0] - pair[:, :, 1]], axis=2)
        parts.append(_shift_round(both, shift).reshape(x.shape))
    return parts[0], parts[1], shift


def _turns(count: IntArray, fft: int) -> tuple[Block, Block]:
    """Cosine and sine of 2 pi count / fft at 2^-14."""
    quarter = quarter_sine(fft)
    wave = np.concatenate([quarter, quarter[-2:0:-1]])
    wave = np.concatenate([wave, -wave]).astype(np.int32)
    return wave[(count + fft // 4) % fft], wave[count % fft]


def _radix_4(real: Block, imaginary: Block, size: int, fft: int) -> tuple[Block, Block, IntArray]:
    """Transforms of `size` points become transforms of four times as many.

    Four components add up to at most 1 + 3 sqrt(2) times the largest. With b bits of input and a shift of
    max(b - 12, 0) no output passes 2^12 * 5.243 + 1 < 21477, and with inputs below that no sum passes
    21477 * 5.243 * 2^14 < 1.85 * 10^9, also with the rounded twiddles, whose length is at most 1 + 2^-14.
    The first stage takes |x| <= 2^14 without turning them: 2^30.
    """
    frames, points = real.shape
    shift = np.maximum(_bits(np.concatenate([real, imaginary], axis=1)) - 12, 0)
    x, y = real.reshape(frames, -1, 4, size), imaginary.reshape(frames, -1, 4, size)

    def turned(block: int, times: int) -> tuple[Block, Block]:
        c, s = _turns(np.arange(size) * times * (fft // (4 * size)), fft)
        a, b = x[:, :, block], y[:, :, block]
        return a * c + b * s, b * c - a * s

    a, b = turned(0, 0)
    # bit-reversed order: the second block holds the samples 2, 6, 10 ...
    (c, d), (e, f), (g, h) = turned(1, 2), turned(2, 1), turned(3, 3)
    p, q, r, s = a + c, b + d, a - c, b - d
    t, u, v, w = e + g, f + h, e - g, f - h
    real = np.stack([p + t, r + w, p - t, r - w], axis=2)
    imaginary = np.stack([q + u, s - v, q - u, s + v], axis=2)
    scaled = [_shift_round(part, shift + TWIDDLE_BITS).reshape(frames, points) for part in (real, imaginary)]
    return scaled[0], scaled[1], shift


def _split(real: Block, imaginary: Block, exponent: IntArray, fft: int) -> tuple[IntArray, IntArray]:
    """From the complex transform Z of n / 2 points to |X|^2 of the real one, with W = exp(-2 pi i / n):
    2 X[k] = (Z[k] + conj Z[-k]) - i W^k (Z[k] - conj Z[-k]).

    With |Z| components at most 2^b (and 21477) the sum at 2^14 is at most 2.4143 * 2 * 21477 * 2^14 < 1.7 * 10^9.
    Shifted by b + 1 its components are at most 2.4143 * 2^14 + 1 < 39557: a square is below 2^31, two below 2^32.
    """
    shift = np.maximum(_bits(np.concatenate([real, imaginary], axis=1)), _FEWEST_BITS) + 1
    k = np.arange(fft // 2)
    c, s = _turns(k, fft)
    mirrored = -k % (fft // 2)
    even_real, even_imaginary = real + real[:, mirrored], imaginary - imaginary[:, mirrored]
    odd_real, odd_imaginary = real - real[:, mirrored], imaginary + imaginary[:, mirrored]
    x = _shift_round((even_real << TWIDDLE_BITS) + c * odd_imaginary - s * odd_real, shift).astype(np.int64)
    y = _shift_round((even_imaginary << TWIDDLE_BITS) - c * odd_real - s * odd_imaginary, shift).astype(np.int64)
    return x * x + y * y, exponent + shift - (TWIDDLE_BITS + 1)
