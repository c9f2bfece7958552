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

/* Adds the columns of `block`, from j on, of the four rows whose pairs are at w. */
RNN_FOLDED void rnn_add_block4(int32_t sum[4], const RNN_FLASH uint8_t *w, int8x16_t block, int j,
                               int cols, int bytes)
{
    const int left = cols % (16 / bytes) == 0 ? 16 : cols - j;
    const rnn_pair4 ab = rnn_load_pair4(w + j, left, bytes);
    const rnn_pair4 cd = rnn_load_pair4(w + cols + j, left, bytes);
    sum[0] = rnn_add_sum(sum[0], ab.first, block, bytes);
    sum[1] = rnn_add_sum(sum[1], ab.second, block, bytes);
    sum[2] = rnn_add_sum(sum[2], cd.first, block, bytes);
    sum[3] = rnn_add_sum(sum[3], cd.second, block, bytes);
}

/* W x of the four rows whose pairs are at w, 16 times that of bytes: below 2^27, as |W x| < 2^23.
 * `blocks`: the first four of x, which do if there are no more. */
RNN_FOLDED int32x4_t rnn_sum_rows4(const RNN_FLASH uint8_t *w, const void *x,
                                   const int8x16_t blocks[4], int cols, int bytes)
{
    const int n = 16 / bytes;
    int32_t sum[4] = {0};
    if (cols <= 4 * n) {
        rnn_add_block4(sum, w, blocks[0], 0, cols, bytes);
        if (cols > n)
            rnn_add_block4(sum, w, blocks[1], n, cols, bytes);
        if (cols > 2 * n)
            rnn_add_block4(sum, w, blocks[2], 2 * n, cols, bytes);
        if (cols > 3 * n)
            rnn_add_block4(sum, w, blocks[3], 3 * n, cols, bytes);
    } else {
        for (int j = 0; j < cols; j += n)
            rnn_add_block4(sum, w, rnn_load_block(x, j * bytes, cols * bytes), j, cols, bytes);
    }
    return rnn_join(sum[0], sum[1], sum[2], sum[3]);
}

/* The multipliers of four scales: no operand but immediates, so that no register is taken. */
RNN_FOLDED int32x4_t rnn_multipliers4(uint32x4_t scale)
{
    const uint32x4_t m = vshlq_n_u32(vshrq_n_u32(scale, 4), 10);
    const uint32x4_t e = vbicq_n_u32(scale, 0xF0);
    const uint32x4_t r = vorrq_n_u32(m, 0x4000);
    return vreinterpretq_s32_u32(vshlq_u32(r, vreinterpretq_s32_u32(e)));
}

RNN_FOLDED void rnn_product4(int16_t *y, const void *x, const RNN_FLASH rnn_linear4 *w, int add,
                             int bytes)
{
    const int size = w->cols * bytes, whole = w->rows % 4 == 0;
    const int sixteen = bytes == 1 ? 4 : 0; /* 2^4 is in the sums */
    const int8x16_t blocks[4] = {rnn_load_block(x, 0, size), rnn_load_block(x, 16, size),
                                 rnn_load_block(x, 32, size), rnn_load_block(x, 48, size)};
    const RNN_FLASH uint8_t *weight = w->weight;
    for (int row = 0; row < w->rows; row += 4, weight += 2 * w->cols) {
        const mve_pred16_t some = vctp32q((uint32_t)(w->rows - row));
        const int16_t *b = w->bias + row;
        const uint8_t *s = w->scale + row;
        const int32x4_t sum = rnn_sum_rows4(weight, x, blocks, w->cols, bytes);
        const int32x4_t bias =
            vshlq_r_s32(whole ? vldrhq_s32(b) : vldrhq_z_s32(b, some), w->bias_shift + sixteen);
        const int32x4_t multiplier =
            rnn_multipliers4(whole ? vldrbq_u32(s) : vldrbq_z_u32(s, some));
        int16x8_t v = rnn_requantize(vaddq_s32(sum, bias), multiplier, w->headroom - sixteen);
        if (add)
            v = vqaddq_s16(v, vreinterpretq_s16_s32(whole ? vldrhq_s32(y + row)
                                                          : vldrhq_z_s32(y + row, some)));
        if (whole) {
            vstrhq_s32(y + row, vreinterpretq_s32_s16(v));
        } else {
            RNN_KEEP_STORES;
            vstrhq_p_s32(y + row, vreinterpretq_s32_s16(v), some);
        }
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
