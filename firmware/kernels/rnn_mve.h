/* Kernels for cores with vectors of 16 bytes: Cortex-M55, M85.
 *
 * Part of the file of a network, where all sizes are constants. Elements eight at a time are in
 * rnn_mve_lanes.h; products are here, with tables in the order of
 * rnn_edge/backends/layouts/mve.py. Nothing is read or written past the end of an array, and no
 * table is padded: what a vector holds beyond an end is masked out, or multiplied by zero.
 */
#ifndef RNN_MVE_H
#define RNN_MVE_H

#include "rnn_core.h"
#include "rnn_mve_lanes.h"

/* ---- Operands of the matrix-vector product -------------------------------------------------- */

#define RNN_OPERAND(name, n) rnn_operand name[n]
#define RNN_WIDENED(name, n) rnn_operand name[1]

RNN_INLINE const rnn_operand *rnn_widen(rnn_operand *wide, const int8_t *x, int n)
{
    (void)wide;
    (void)n;
    return x;
}

RNN_INLINE void rnn_store_operand(rnn_operand *y, int i, int n, rnn_lanes v)
{
    rnn_store_s8(y, i, n, v);
}

/* y = sat16((2^headroom * (W x + b) * multiplier + 2^31) >> 32).
 * |W x + b| * 2^headroom < 2^31 for every row and x, partial sums in any order too. */
typedef struct {
    int rows;
    int cols;
    int headroom;
    const RNN_FLASH int8_t *weight;      /* W, row after row */
    const RNN_FLASH int32_t *bias;       /* b */
    const RNN_FLASH int32_t *multiplier; /* r * 2^(32 - T), T = t + headroom; below 2^30 */
} rnn_linear;

/* VRMULH is the rounded high half of the product: |.| <= 2^29, which VQMOVN saturates. The results
 * lie in the even elements. Where headroom is negative, acc is a multiple of 2^-headroom. */
RNN_FOLDED int16x8_t rnn_requantize(int32x4_t acc, int32x4_t multiplier, int headroom)
{
    if (headroom != 0)
        acc = vshlq_r_s32(acc, headroom);
    return vqmovnbq_s32(vreinterpretq_s16_s32(acc), vrmulhq_s32(acc, multiplier));
}

/* ---- 16 bytes of x with as many weights. `bytes` of an element of x: 1 or 2 ------------------ */

/* 16 of the `size` bytes of x, zeros past the last one. */
RNN_FOLDED int8x16_t rnn_load_block(const void *x, int at, int size)
{
    if (at >= size)
        return vdupq_n_s8(0);
    const int8_t *from = (const int8_t *)x + at;
    if (size % 16 == 0 || at + 16 <= size)
        return vldrbq_s8(from);
    return vldrbq_z_s8(from, vctp8q((uint32_t)(size - at)));
}

/* Moves w on by the columns of one block, or by all that are left, in the same instruction: gcc
 * takes two. The offset is an immediate (a constant `left`); a widening load has low registers. */
RNN_FOLDED int8x16_t rnn_load_weights(const RNN_FLASH int8_t **w, int left, int bytes)
{
    typedef const RNN_FLASH int8_t eight[8], sixteen[16];
    int8x16_t v;
    if (bytes == 1)
        __asm__("vldrb.8 %q0, [%1], %2"
                : "=w"(v), "+r"(*w)
                : "i"(left < 16 ? left : 16), "m"(*(sixteen *)*w));
    else
        __asm__("vldrb.s16 %q0, [%1], %2"
                : "=w"(v), "+l"(*w)
                : "i"(left < 8 ? left : 8), "m"(*(eight *)*w));
    return v;
}

RNN_FOLDED int32_t rnn_sum(int8x16_t w, int8x16_t x, int bytes)
{
    return bytes == 1 ? vmladavq_s8(w, x)
                      : vmladavq_s16(vreinterpretq_s16_s8(w), vreinterpretq_s16_s8(x));
}

RNN_FOLDED int32_t rnn_add_sum(int32_t acc, int8x16_t w, int8x16_t x, int bytes)
{
    return bytes == 1 ? vmladavaq_s8(acc, w, x)
                      : vmladavaq_s16(acc, vreinterpretq_s16_s8(w), vreinterpretq_s16_s8(x));
}

/* ---- Four rows at once ---------------------------------------------------------------------- */

/* Two instructions; gcc goes through memory. */
RNN_FOLDED int32x4_t rnn_join(int32_t a0, int32_t a1, int32_t a2, int32_t a3)
{
    int32x4_t v;
    __asm__("vmov %q0[2], %q0[0], %1, %3\n\tvmov %q0[3], %q0[1], %2, %4"
            : "=&w"(v)
            : "r"(a0), "r"(a1), "r"(a2), "r"(a3));
    return v;
}

/* W x of the row at w, which moves on to the next one. x in four blocks at most. */
RNN_FOLDED int32_t rnn_sum_row(const RNN_FLASH int8_t **w, const int8x16_t *x, int cols, int bytes)
{
    const int n = 16 / bytes;
    int32_t acc = rnn_sum(rnn_load_weights(w, cols, bytes), x[0], bytes);
    if (cols > n)
        acc = rnn_add_sum(acc, rnn_load_weights(w, cols - n, bytes), x[1], bytes);
    if (cols > 2 * n)
        acc = rnn_add_sum(acc, rnn_load_weights(w, cols - 2 * n, bytes), x[2], bytes);
    if (cols > 3 * n)
        acc = rnn_add_sum(acc, rnn_load_weights(w, cols - 3 * n, bytes), x[3], bytes);
    return acc;
}

/* W x of the four rows at w, which moves on to the next ones. */
RNN_FOLDED int32x4_t rnn_sum_short_rows(const RNN_FLASH int8_t **w, const int8x16_t *x, int cols,
                                        int bytes)
{
    const int32_t a0 = rnn_sum_row(w, x, cols, bytes);
    const int32_t a1 = rnn_sum_row(w, x, cols, bytes);
    const int32_t a2 = rnn_sum_row(w, x, cols, bytes);
    const int32_t a3 = rnn_sum_row(w, x, cols, bytes);
    return rnn_join(a0, a1, a2, a3);
}

RNN_FOLDED int32x4_t rnn_sum_long_rows(const RNN_FLASH int8_t **w, const void *x, int cols,
                                       int bytes)
{
    const RNN_FLASH int8_t *w0 = *w, *w1 = w0 + cols, *w2 = w1 + cols, *w3 = w2 + cols;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    for (int at = 0; at < cols * bytes; at += 16) {
        const int8x16_t block = rnn_load_block(x, at, cols * bytes);
        a0 = rnn_add_sum(a0, rnn_load_weights(&w0, 16, bytes), block, bytes);
        a1 = rnn_add_sum(a1, rnn_load_weights(&w1, 16, bytes), block, bytes);
        a2 = rnn_add_sum(a2, rnn_load_weights(&w2, 16, bytes), block, bytes);
        a3 = rnn_add_sum(a3, rnn_load_weights(&w3, 16, bytes), block, bytes);
    }
    *w += 4 * cols;
    return rnn_join(a0, a1, a2, a3);
}

/* Rows 0 to end - 1, end % 4 == 0. The last vector of each row ends inside the table: what it holds
 * of the next row meets zeros of x. */
RNN_FOLDED void rnn_four_rows(int16_t *y, const void *x, const RNN_FLASH rnn_linear *w, int end,
                              int add, int bytes)
{
    const int size = w->cols * bytes;
    const int8x16_t block[4] = {rnn_load_block(x, 0, size), rnn_load_block(x, 16, size),
                                rnn_load_block(x, 32, size), rnn_load_block(x, 48, size)};
    const RNN_FLASH int8_t *weight = w->weight;
    for (int row = 0; row < end; row += 4) {
        const int32x4_t sum = size <= 64 ? rnn_sum_short_rows(&weight, block, w->cols, bytes)
                                         : rnn_sum_long_rows(&weight, x, w->cols, bytes);
        const int32x4_t acc = vaddq_s32(sum, vldrwq_s32(w->bias + row));
        int16x8_t v = rnn_requantize(acc, vldrwq_s32(w->multiplier + row), w->headroom);
        if (add)
            v = vqaddq_s16(v, vreinterpretq_s16_s32(vldrhq_s32(y + row)));
        vstrhq_s32(y + row, vreinterpretq_s32_s16(v));
    }
}

/* ---- Products ------------------------------------------------------------------------------- */

RNN_INLINE void rnn_single_rows(int16_t *y, const void *x, const RNN_FLASH rnn_linear *w, int row,
                                int add, int bytes)
{
    for (; row < w->rows; row++) {
        const RNN_FLASH int8_t *weight = w->weight + row * w->cols;
        int32_t acc = w->bias[row];
        for (int j = 0; j < w->cols; j += 16 / bytes) {
            const uint32_t left = (uint32_t)(w->cols - j);
            if (bytes == 1)
                acc = vmladavaq_s8(acc, vldrbq_z_s8(weight + j, vctp8q(left)),
                                   vldrbq_z_s8((const int8_t *)x + j, vctp8q(left)));
            else
                acc = vmladavaq_s16(acc, vldrbq_z_s16(weight + j, vctp16q(left)),
                                    vldrhq_z_s16((const int16_t *)x + j, vctp16q(left)));
        }
        int16x8_t v =
            rnn_requantize(vdupq_n_s32(acc), vdupq_n_s32(w->multiplier[row]), w->headroom);
        if (add)
            v = vqaddq_n_s16(v, y[row]);
        y[row] = vgetq_lane_s16(v, 0);
    }
}

/* A last vector reaches up to `span` columns from the beginning of its row: no farther than the end
 * of the table, for rows - ceil(span / cols) + 1 rows. */
RNN_FOLDED void rnn_product(int16_t *y, const void *x, const RNN_FLASH rnn_linear *w, int add,
                            int bytes)
{
    int row = 0;
    if (__builtin_constant_p(w->cols)) {
        const int span = (w->cols * bytes + 15) / 16 * 16 / bytes;
        const int inside = w->rows + 1 - (span + w->cols - 1) / w->cols;
        row = inside > 0 ? inside / 4 * 4 : 0;
        rnn_four_rows(y, x, w, row, add, bytes);
    }
    if (row < w->rows)
        rnn_single_rows(y, x, w, row, add, bytes);
}

RNN_FOLDED void rnn_matvec_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear *w)
{
    rnn_product(y, x, w, 0, 1);
}

RNN_FOLDED void rnn_matvec_add_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear *w)
{
    rnn_product(y, x, w, 1, 1);
}

RNN_FOLDED void rnn_matvec_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear *w)
{
    rnn_product(y, x, w, 0, 2);
}

RNN_FOLDED void rnn_matvec_add_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear *w)
{
    rnn_product(y, x, w, 1, 2);
}

#endif
