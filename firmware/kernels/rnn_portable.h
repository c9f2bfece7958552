/* Kernels in C99 for every core: 64-bit products where the core has them (RNN_WIDE), none where it
 * has not (RNN_NARROW). rnn_core.h says which of the two; both compute the same integers.
 *
 * Weights stand in quads of rows: for each column four bytes, rows r to r + 3; the rows % 4 last
 * rows follow one after the other.
 */
#ifndef RNN_PORTABLE_H
#define RNN_PORTABLE_H

#include "rnn_core.h"
#include "rnn_kernels.h"

/* What a loop is made of: part of it even where code is to be small. */
#ifdef __GNUC__
#define RNN_BODY static inline __attribute__((always_inline))
#else
#define RNN_BODY static inline
#endif

/* ---- Elements, one at once ------------------------------------------------------------------ */

#define RNN_LANES 1
typedef int32_t rnn_lanes; /* holds an int16 */

#ifdef RNN_NARROW
typedef uint8_t rnn_weight; /* w + 128 */
#define RNN_WIDENED(name, n) rnn_operand name[n]
#else
typedef int8_t rnn_weight;
#define RNN_WIDENED(name, n) rnn_operand name[1]
#endif
#define RNN_OPERAND(name, n) rnn_operand name[n]

RNN_BODY rnn_lanes rnn_sat16(int32_t v)
{
#ifdef __ARM_FEATURE_SAT
    return v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v; /* one SSAT */
#else
    return (int16_t)v == v ? v : (v >> 31) ^ INT16_MAX;
#endif
}

RNN_BODY rnn_lanes rnn_load(const int16_t *x, int i, int n)
{
    (void)n;
    return x[i];
}

RNN_BODY void rnn_store(int16_t *y, int i, int n, rnn_lanes v)
{
    (void)n;
    y[i] = (int16_t)v;
}

RNN_BODY void rnn_store_s8(int8_t *y, int i, int n, rnn_lanes v)
{
    (void)n;
    y[i] = (int8_t)v;
}

RNN_BODY void rnn_store_operand(rnn_operand *y, int i, int n, rnn_lanes v)
{
    (void)n;
    y[i] = (rnn_operand)(v + RNN_ORIGIN);
}

RNN_BODY const rnn_operand *rnn_widen(rnn_operand *wide, const int8_t *x, int n)
{
#ifdef RNN_NARROW
    for (int i = 0; i < n; i++)
        wide[i] = (rnn_operand)(x[i] + RNN_ORIGIN);
    return wide;
#else
    (void)wide;
    (void)n;
    return x;
#endif
}

/* |a + b| and |a - b| are at most 2^16. */
RNN_BODY rnn_lanes rnn_add(rnn_lanes a, rnn_lanes b)
{
    return rnn_sat16(a + b);
}

RNN_BODY rnn_lanes rnn_sub(rnn_lanes a, rnn_lanes b)
{
    return rnn_sat16(a - b);
}

RNN_BODY rnn_lanes rnn_relu(rnn_lanes x)
{
    return x > 0 ? x : 0;
}

/* v * 2^-shift, |v| <= 2^30: half up at one bit, then half away from zero, which is one rounding
 * of v + 1 or v - 1. |sum| <= 2^30 + 2^29 + 1. */
RNN_BODY int32_t rnn_shift_round(int32_t v, int shift)
{
    if (shift == 1)
        return (v + 1) >> 1;
    return (v + (INT32_C(1) << (shift - 1)) + ((v >> 31) | 1)) >> shift;
}

RNN_BODY rnn_lanes rnn_mul(rnn_lanes a, rnn_lanes b, int shift)
{
    return rnn_sat16(rnn_shift_round((int32_t)(int16_t)a * (int16_t)b, shift));
}

RNN_BODY rnn_lanes rnn_rescale(rnn_lanes a, int shift)
{
    const int32_t v = rnn_shift_round(a, shift);
    return v > INT8_MAX ? INT8_MAX : v < INT8_MIN ? INT8_MIN : v;
}

/* ---- Sigmoid and tanh ----------------------------------------------------------------------- */

/* Sigmoid at magnitude * 2^-bits steps of the table, minus a half, in units of 2^-(16 + bits). The
 * table ends after 255 steps; the last position in it has the value of everything behind it. */
RNN_BODY int32_t rnn_interpolate(int32_t magnitude, int bits)
{
    if (magnitude >> bits > 254)
        magnitude = (INT32_C(255) << bits) - 1;
    const RNN_FLASH uint16_t *low = rnn_sigmoid_table + (magnitude >> bits);
    const int32_t rest = magnitude & ((INT32_C(1) << bits) - 1);
    return ((int32_t)low[0] - 32768) * (INT32_C(1) << bits) + rest * (low[1] - low[0]);
}

RNN_INLINE rnn_lanes rnn_sigmoid(rnn_lanes x, int fraction)
{
    const int bits = fraction > 4 ? fraction - 3 : 1;
    const int32_t sign = x >> 31;
    const int32_t magnitude = ((x ^ sign) - sign) * (INT32_C(3) << (bits + 3 - fraction));
    const int32_t curve = rnn_interpolate(magnitude, bits) ^ sign;
    return (curve + (INT32_C(32769) << bits)) >> (bits + 1);
}

RNN_INLINE rnn_lanes rnn_tanh(rnn_lanes x, int fraction)
{
    const int bits = fraction > 5 ? fraction - 4 : 1;
    const int32_t sign = x >> 31;
    const int32_t magnitude = ((x ^ sign) - sign) * (INT32_C(3) << (bits + 4 - fraction));
    const int32_t curve = rnn_interpolate(magnitude, bits) ^ sign;
    return (curve + (INT32_C(1) << (bits - 1))) >> bits;
}

/* ---- Matrix-vector product ------------------------------------------------------------------ */

typedef struct {
    int rows;
    int cols;
    int headroom;
    const RNN_FLASH rnn_weight *weight;
    const RNN_FLASH int32_t *bias;
#ifdef RNN_NARROW
    const RNN_FLASH uint16_t *multiplier; /* r */
    const RNN_FLASH uint8_t *shift;       /* t - 17 */
#else
    const RNN_FLASH int32_t *multiplier; /* r * 2^(32 - t) */
#endif
} rnn_linear;

RNN_BODY rnn_lanes rnn_requantize(uint32_t sum, const RNN_FLASH rnn_linear *w, int row)
{
    const int32_t v = (int32_t)(sum << w->headroom);
#ifdef RNN_NARROW
    const uint16_t r = w->multiplier[row];
    const int32_t high = (int32_t)(int16_t)(v >> 16) * (int16_t)r;
    const uint32_t low = (uint32_t)(uint16_t)v * r;
    const int32_t product = high + (int32_t)(low >> 16);
    return rnn_sat16(((product >> w->shift[row]) + 1) >> 1);
#else
    return rnn_sat16((int32_t)(((int64_t)v * w->multiplier[row] + INT64_C(0x80000000)) >> 32));
#endif
}

RNN_BODY void rnn_put(int16_t *y, rnn_lanes v, int add)
{
    *y = (int16_t)(add ? rnn_add(*y, v) : v);
}

RNN_BODY int32_t rnn_operand_at(const void *x, int j, int s16)
{
    return s16 ? ((const int16_t *)x)[j] : ((const rnn_operand *)x)[j];
}

/* What the origin of the weights adds to every row. */
RNN_BODY uint32_t rnn_excess(const void *x, int cols, int s16)
{
    uint32_t sum = 0;
    if (RNN_ORIGIN)
        for (int j = 0; j < cols; j++)
            sum += (uint32_t)rnn_operand_at(x, j, s16);
    return sum * RNN_ORIGIN;
}

/* An int8 and a byte: at most 255 * 255 < 2^16 where both are moved, 127 * 128 where none is. */
RNN_BODY uint32_t rnn_product(rnn_weight w, int32_t x, int s16)
{
    if (s16)
        return (uint32_t)w * (uint32_t)x;
#ifdef RNN_NARROW
    return (uint16_t)((unsigned)w * (unsigned)x);
#else
    return (uint32_t)(w * x);
#endif
}

typedef struct {
    uint32_t row[4];
} rnn_quad;

RNN_BODY void rnn_quad_column(rnn_quad *sum, const RNN_FLASH rnn_weight *w, int32_t x, int s16)
{
    sum->row[0] += rnn_product(w[0], x, s16);
    sum->row[1] += rnn_product(w[1], x, s16);
    sum->row[2] += rnn_product(w[2], x, s16);
    sum->row[3] += rnn_product(w[3], x, s16);
}

RNN_BODY void rnn_matvec(int16_t *y, const void *x, const RNN_FLASH rnn_linear *w, int s16, int add)
{
    const uint32_t excess = rnn_excess(x, w->cols, s16);
    const RNN_FLASH rnn_weight *weight = w->weight;
    int i = 0;
    for (; i + 4 <= w->rows; i += 4) {
        rnn_quad sum;
        for (int k = 0; k < 4; k++)
            sum.row[k] = (uint32_t)w->bias[i + k] - excess;
        int j = 0;
#ifndef __OPTIMIZE_SIZE__
        for (; j + 8 <= w->cols; j += 8) {
            rnn_quad_column(&sum, weight + 0, rnn_operand_at(x, j + 0, s16), s16);
            rnn_quad_column(&sum, weight + 4, rnn_operand_at(x, j + 1, s16), s16);
            rnn_quad_column(&sum, weight + 8, rnn_operand_at(x, j + 2, s16), s16);
            rnn_quad_column(&sum, weight + 12, rnn_operand_at(x, j + 3, s16), s16);
            rnn_quad_column(&sum, weight + 16, rnn_operand_at(x, j + 4, s16), s16);
            rnn_quad_column(&sum, weight + 20, rnn_operand_at(x, j + 5, s16), s16);
            rnn_quad_column(&sum, weight + 24, rnn_operand_at(x, j + 6, s16), s16);
            rnn_quad_column(&sum, weight + 28, rnn_operand_at(x, j + 7, s16), s16);
            weight += 32;
        }
#endif
        for (; j < w->cols; j++) {
            rnn_quad_column(&sum, weight, rnn_operand_at(x, j, s16), s16);
            weight += 4;
        }
        for (int k = 0; k < 4; k++)
            rnn_put(y + i + k, rnn_requantize(sum.row[k], w, i + k), add);
    }
    for (; i < w->rows; i++) {
        uint32_t sum = (uint32_t)w->bias[i] - excess;
        for (int j = 0; j < w->cols; j++)
            sum += rnn_product(*weight++, rnn_operand_at(x, j, s16), s16);
        rnn_put(y + i, rnn_requantize(sum, w, i), add);
    }
}

RNN_INLINE void rnn_matvec_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear *w)
{
    rnn_matvec(y, x, w, 0, 0);
}

RNN_INLINE void rnn_matvec_add_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear *w)
{
    rnn_matvec(y, x, w, 0, 1);
}

RNN_INLINE void rnn_matvec_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear *w)
{
    rnn_matvec(y, x, w, 1, 0);
}

RNN_INLINE void rnn_matvec_add_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear *w)
{
    rnn_matvec(y, x, w, 1, 1);
}

#endif
