/* Products of weights of 4 bits on cores with vectors of 16 bytes.
 *
 * Two rows share a byte, so that a vector has as many columns of both as of one with 8 bits: a
 * shift and an AND part them. The tables are those of rnn_edge/backends/layouts/mve.py.
 */
#ifndef RNN_MVE4_H
#define RNN_MVE4_H

#include "rnn_mve.h"

/* As rnn_linear. With e = 32 - t - headroom, 0 to 15, r * 2^(32 - t - headroom) is
 * (16 + m) * 2^(10 + e). */
typedef struct {
    int rows;
    int cols;
    int headroom;
    int bias_shift;
    const RNN_FLASH uint8_t *weight; /* W, pair after pair of rows, the first in the lower half */
    const RNN_FLASH int16_t *bias;   /* b * 2^-bias_shift */
    const RNN_FLASH uint8_t *scale;  /* 16 m + e, one a row */
} rnn_linear4;

/* The weights of one pair of rows: those of bytes are 16 W, an int8; those of halfwords are W. */
typedef struct {
    int8x16_t first;
    int8x16_t second;
} rnn_pair4;

RNN_FOLDED rnn_pair4 rnn_load_pair4(const RNN_FLASH uint8_t *w, int left, int bytes)
{
    const int8_t *from = (const int8_t *)w;
    rnn_pair4 pair;
    if (bytes == 1) {
        const int8x16_t v =
            left >= 16 ? vldrbq_s8(from) : vldrbq_z_s8(from, vctp8q((uint32_t)left));
        pair.first = vshlq_n_s8(v, 4);
        pair.second = vandq_s8(v, vdupq_n_s8((int8_t)-16));
    } else {
        const int16x8_t v =
            left >= 8 ? vldrbq_s16(from) : vldrbq_z_s16(from, vctp16q((uint32_t)left));
        pair.first = vreinterpretq_s8_s16(vshrq_n_s16(vshlq_n_s16(v, 12), 12));
        pair.second = vreinterpretq_s8_s16(vshrq_n_s16(v, 4));
    }
    return pair;
}

/* W x of the four rows whose pairs are at w, 16 times that of bytes: below 2^27, as |W x| < 2^23.
 */
RNN_FOLDED int32x4_t rnn_sum_rows4(const RNN_FLASH uint8_t *w, const void *x, int cols, int bytes)
{
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (int j = 0; j < cols; j += 16 / bytes) {
        const int8x16_t block = rnn_load_block(x, j * bytes, cols * bytes);
        const int left = cols % (16 / bytes) == 0 ? 16 : cols - j;
        const rnn_pair4 ab = rnn_load_pair4(w + j, left, bytes);
        const rnn_pair4 cd = rnn_load_pair4(w + cols + j, left, bytes);
        a = rnn_add_sum(a, ab.first, block, bytes);
        b = rnn_add_sum(b, ab.second, block, bytes);
        c = rnn_add_sum(c, cd.first, block, bytes);
        d = rnn_add_sum(d, cd.second, block, bytes);
    }
    return rnn_join(a, b, c, d);
}

/* The multipliers of four scales. */
RNN_FOLDED int32x4_t rnn_multipliers4(uint32x4_t scale)
{
    const uint32x4_t m = vandq_u32(vshlq_n_u32(scale, 6), vdupq_n_u32(0x3C00));
    const uint32x4_t e = vandq_u32(scale, vdupq_n_u32(15));
    const uint32x4_t r = vorrq_u32(m, vdupq_n_u32(0x4000));
    return vreinterpretq_s32_u32(vshlq_u32(r, vreinterpretq_s32_u32(e)));
}

RNN_FOLDED void rnn_product4(int16_t *y, const void *x, const RNN_FLASH rnn_linear4 *w, int add,
                             int bytes)
{
    const int sixteen = bytes == 1 ? 4 : 0; /* 2^4 is in the sums */
    const RNN_FLASH uint8_t *weight = w->weight;
    for (int row = 0; row < w->rows; row += 4, weight += 2 * w->cols) {
        const mve_pred16_t some = vctp32q((uint32_t)(w->rows - row));
        const int32x4_t bias =
            vshlq_r_s32(vldrhq_z_s32(w->bias + row, some), w->bias_shift + sixteen);
        const int32x4_t acc = vaddq_s32(rnn_sum_rows4(weight, x, w->cols, bytes), bias);
        const int32x4_t multiplier = rnn_multipliers4(vldrbq_z_u32(w->scale + row, some));
        int16x8_t v = rnn_requantize(acc, multiplier, w->headroom - sixteen);
        if (add)
            v = vqaddq_s16(v, vreinterpretq_s16_s32(vldrhq_z_s32(y + row, some)));
        RNN_KEEP_STORES;
        vstrhq_p_s32(y + row, vreinterpretq_s32_s16(v), some);
    }
}

RNN_FOLDED void rnn_matvec4_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear4 *w)
{
    rnn_product4(y, x, w, 0, 1);
}

RNN_FOLDED void rnn_matvec4_add_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear4 *w)
{
    rnn_product4(y, x, w, 1, 1);
}

RNN_FOLDED void rnn_matvec4_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear4 *w)
{
    rnn_product4(y, x, w, 0, 2);
}

RNN_FOLDED void rnn_matvec4_add_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear4 *w)
{
    rnn_product4(y, x, w, 1, 2);
}

#endif
