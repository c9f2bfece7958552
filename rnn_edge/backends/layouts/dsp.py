"""Cores with two products of 16 bits at once (Cortex-M4, M7, M33): one stream of words, read once from front to back.

For every four rows it has four words of biases, the weights of four columns after four columns, and four multipliers;
then, for each of the rows % 4 last rows, bias, multiplier and weights. Columns are padded with zero weights to a
multiple of four.

With int8 operands, rows A and B share a halfword 256 B + A, that is the bytes A and B - (A < 0). For every two columns
of rows A, B, C, D there is a word of A and B, then one of C and D. Their biases are 256 b_B + b_A, b_A, 256 b_D + b_C
and b_C. With int16 operands, and in all last rows, a word has four columns of a row, in bytes 0, 2, 1, 3.

Weights of 4 bits: four rows share a halfword, W + 8 in four bits each, the first row in the lowest; a word has two
columns. The last rows are filled up to four; columns of the padding are 0 as they stand. Every four rows begin with two
words of biases, int16 times 2^bias_shift, and end with a word of scales, a byte each.
"""

from __future__ import annotations

import numpy as np

from ...ir.arithmetic import IntArray
from ...ir.short_rows import bias_shift, scale_byte
from ..nibbles import ORIGIN
from . import Column, Field, Linear

GUARD = "RNN_DSP"


def fields(linear: Linear) -> dict[str, Field]:
    """`words` [n], the stream; where the operand is int8, its first word is the shift of `_right`."""
    weight = np.pad(linear.weight, ((0, 0), (0, -linear.weight.shape[1] % 4)))
    multiplier = linear.r << (32 - linear.t)  # below 2^30, because t >= 17
    last = len(weight) // 4 * 4
    if linear.operand == "s8":
        right = _right(linear)
        multiplier[1:last:2] = (linear.r << (24 + right - linear.t))[1:last:2]
        head, quads = np.array([right]), _pairs(weight[:last], linear.bias[:last], multiplier[:last])
    else:
        words = _by_row(weight[:last]).reshape(last // 4, 4, weight.shape[1] // 4)
        head, quads = np.array([], np.int64), _quads(linear.bias[:last], words, multiplier[:last])
    rest = np.column_stack([linear.bias[last:], multiplier[last:], _by_row(weight[last:])])
    return {"words": Column("uint32_t", np.concatenate([head, quads.ravel(), rest.ravel()]) & 0xFFFFFFFF)}


def packed_fields(linear: Linear) -> dict[str, Field]:
    """`bias_shift` and `words` [n], the stream of rnn_linear4."""
    rows, columns = linear.weight.shape
    halves = np.pad(linear.weight + ORIGIN, ((0, -rows % 4), (0, -columns % 4))).reshape(-1, 4, columns + -columns % 4)
    halves = np.bitwise_or.reduce(halves << np.arange(0, 16, 4)[:, None], axis=1)
    words = halves[:, 0::2] | halves[:, 1::2] << 16
    shift = bias_shift(linear.bias)
    bias, scale = (
        np.pad(one, (0, -rows % 4)).reshape(-1, 4)
        for one in (linear.bias >> shift & 0xFFFF, scale_byte(linear.r, linear.t))
    )
    biases = bias[:, 0::2] | bias[:, 1::2] << 16
    scales = np.bitwise_or.reduce(scale << np.arange(0, 32, 8), axis=1)
    stream = np.column_stack([biases, words, scales]).ravel()
    return {"bias_shift": shift, "words": Column("uint32_t", stream)}


def _right(linear: Linear) -> int:
    """The shift s in sat16(((256 B >> s) << headroom) * (r << (24 + s - t)) / 2^32), B the sum of an odd row.

    The multiplier is an integer, because t - 24 <= s, and below 2^31, because 24 + s - t <= 24 + 8 - 17. What it
    multiplies fits into 32 bits: with s >= headroom it is at most 256 |B| < 2^31, with s = 8 it is B << headroom.
    """
    return int(min(8, max(linear.headroom, int(linear.t.max()) - 24)))


def _pairs(weight: IntArray, bias: IntArray, multiplier: IntArray) -> IntArray:
    """The quads of `weight` [rows, columns], two rows in a halfword, with `bias` and `multiplier` [rows]."""
    pairs, columns = len(weight) // 2, weight.shape[1]
    halves = (256 * weight[1::2] + weight[0::2]) & 0xFFFF
    words = halves[:, 0::2] | halves[:, 1::2] << 16
    sums = np.column_stack([256 * bias[1::2] + bias[0::2], bias[0::2]])
    return _quads(sums.ravel(), words.reshape(pairs // 2, 2, columns // 2), multiplier)


def _quads(bias: IntArray, words: IntArray, multiplier: IntArray) -> IntArray:
    """`words` [quads, n, m] as m words of n, between four words of `bias` and of `multiplier` [4 * quads] a quad."""
    interleaved = words.transpose(0, 2, 1).reshape(len(words), words.shape[1] * words.shape[2])
    return np.column_stack([bias.reshape(-1, 4), interleaved, multiplier.reshape(-1, 4)])


def _by_row(weight: IntArray) -> IntArray:
    """`weight` [rows, columns] as words [rows, columns / 4]."""
    rows, columns = weight.shape
    in_order = weight.reshape(rows, columns // 4, 4)[:, :, [0, 2, 1, 3]] & 0xFF
    words: IntArray = np.bitwise_or.reduce(in_order << np.arange(0, 32, 8), axis=2)
    return words
