/* Kernels of a step in C99 for every core: a requantization takes a product of 64 bits (RNN_WIDE of
 * rnn_core.h) or two of 32 (RNN_NARROW). Both compute the same integers.
 *
 * Weights lie in octets of rows: column by column eight bytes, those of rows r to r + 7. The
 * rows % 8 last rows follow one after the other.
 */
#ifndef RNN_PORTABLE_H
#define RNN_PORTABLE_H

#include "rnn_core.h"
#include "rnn_portable_lanes.h"

#ifdef RNN_THUMB_1
#include "rnn_thumb.h"
#endif

/* ---- Matrix-vector product ------------------------------------------------------------------ */

#ifdef RNN_NARROW
typedef uint8_t rnn_weight;      /* w + 128: Cortex-M0 reads unsigned bytes in one instruction */
typedef uint32_t rnn_sum;        /* modulo 2^32, which the result fits */
typedef uint32_t rnn_multiplier; /* 2 r above a shift: t - 7 of int8 operands, else t - 15 */
#else
typedef int8_t rnn_weight;
typedef int32_t rnn_sum;        /* every partial sum fits, in any order */
typedef int32_t rnn_multiplier; /* r * 2^(32 - t), below 2^30 */
#endif

typedef struct {
    int rows;
    int cols;
    int headroom;
    int saturates; /* some x takes a requantized row out of int16 */
    const RNN_FLASH rnn_weight *weight;
    const RNN_FLASH int32_t *bias;
    const RNN_FLASH rnn_multiplier *multiplier;
} rnn_linear;

/* floor(product * 2^-(before + 1) + 1/2) */
RNN_PIECE int32_t rnn_shifted(int32_t product, uint_fast8_t before)
{
#ifdef __AVR__ /* which shifts bit by bit, but can move a byte */
    if (before >= 8)
        return ((product >> 8 >> (before - 8)) + 1) >> 1;
#endif
    return ((product >> before) + 1) >> 1;
}

#ifdef RNN_NARROW
/* floor(sum * r2 * 2^-8), |sum| < 2^23, r2 < 2^16 even: products of 16 by 16 bits, each and their
 * sum below 2^31. */
RNN_PIECE int32_t rnn_scaled_s8(int32_t sum, uint16_t r2)
{
    const int32_t high = (int32_t)(int16_t)(sum >> 8) * r2;
    return high + (int32_t)(((uint32_t)(uint8_t)sum * r2) >> 8);
}

/* floor(v * r2 * 2^-16), |v| < 2^31, the same way. */
RNN_PIECE int32_t rnn_scaled_s16(int32_t v, uint16_t r2)
{
    const int32_t high = (int32_t)(int16_t)(v >> 16) * r2;
    return high + (int32_t)(((uint32_t)(uint16_t)v * r2) >> 16);
}
#else
/* floor(v * multiplier * 2^-32 + 1/2), |v * multiplier| < 2^61: the upper word and bit 31. */
RNN_PIECE int32_t rnn_high(int32_t v, int32_t multiplier)
{
    const int64_t product = (int64_t)v * multiplier;
    return (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
}
#endif

/* sat16(floor(v * r * 2^-t + 1/2)) of v = sum * 2^headroom, |v| < 2^31, 2^14 <= r < 2^15,
 * 17 <= t <= 32. Where no x takes any row out of int16, that is known (`saturates`).
 *
 * Wide: |v * r * 2^(32 - t)| < 2^61.
 * Narrow: the product of v and 2 r without its lowest 16 bits, or 8 where the operand is int8: half
 * of 2^t is a multiple of that, so that no bit below matters. With int8, |sum| < 2^23 and
 * headroom <= 8, so that t - headroom >= 9 and sum is taken as it is. */
RNN_PIECE rnn_lanes rnn_requantize(rnn_sum sum, const RNN_FLASH rnn_linear *w, int row, int s16)
{
    const rnn_multiplier multiplier = w->multiplier[row];
#ifdef RNN_NARROW
    const uint16_t r2 = (uint16_t)(multiplier >> 16);
    const int32_t v = (int32_t)(s16 ? sum << w->headroom : sum);
    const int32_t product = s16 ? rnn_scaled_s16(v, r2) : rnn_scaled_s8(v, r2);
    const int32_t y = rnn_shifted(product, (uint8_t)(multiplier - 1));
#else
    (void)s16;
    const int32_t y = rnn_high((int32_t)((uint32_t)sum << w->headroom), multiplier);
#endif
#ifdef __OPTIMIZE_SIZE__ /* where it is no constant, to look takes longer */
    return rnn_sat16(y);
#else
    return w->saturates ? rnn_sat16(y) : (rnn_lanes)y;
#endif
}

RNN_PIECE void rnn_finish_row(int16_t *y, rnn_sum sum, const RNN_FLASH rnn_linear *w, int row,
                              int s16, int add)
{
    const rnn_lanes v = rnn_requantize(sum, w, row, s16);
    y[row] = (int16_t)(add ? rnn_add(y[row], v) : v);
    RNN_FENCE(); /* or two stores become one, after more work than the second takes */
}

/* x[j] of an operand of int16 (s16) or of bytes. */
RNN_PIECE int32_t rnn_element(const void *x, int j, int s16)
{
    return s16 ? ((const int16_t *)x)[j] : ((const rnn_operand *)x)[j];
}

/* Bytes: at most 255 * 255 < 2^16. */
RNN_PIECE rnn_sum rnn_product(rnn_weight w, int32_t x, int s16)
{
#ifdef RNN_NARROW
    if (s16)
        return (uint32_t)w * (uint32_t)x;
    unsigned product = (unsigned)w * (uint8_t)x;
#ifdef __AVR__
    __asm__("" : "+r"(product)); /* two bytes; avr-gcc would multiply words to get four */
#endif
    return product;
#else
    (void)s16;
    return w * x;
#endif
}

/* What the origin of the weights adds to every row: sum((w + 128) x) = W x + 128 sum(x). That of
 * int8 operands, 128 sum(w), is a part of the bias. */
RNN_PIECE rnn_sum rnn_excess(const void *x, int cols, int s16)
{
    rnn_sum sum = 0;
    RNN_UNROLL
    for (int j = 0; RNN_ORIGIN != 0 && j < cols; j++)
        sum += (rnn_sum)rnn_element(x, j, s16);
    return sum * RNN_ORIGIN;
}

/* sum + product. A Cortex-M0 has eight registers for everything and five more that it can only add
 * to (`high`). The empty statement keeps gcc from reordering the sums, which takes registers. */
RNN_PIECE rnn_sum rnn_accumulate(rnn_sum sum, rnn_sum product, int high)
{
#if defined(__thumb__) && !defined(__thumb2__) && defined(__GNUC__)
    if (high) {
        __asm__("add %0, %1" : "+h"(sum) : "l"(product));
        return sum;
    }
    sum += product;
    __asm__("" : "+l"(sum));
    return sum;
#else
    (void)high;
    return sum + product;
#endif
}

#if defined(__AVR__) || defined(__OPTIMIZE_SIZE__)

/* Adds the columns of four rows to their sums: registers for more are not to be had. */
RNN_SHARED void rnn_four_rows(rnn_sum sum[4], const RNN_FLASH rnn_weight *weight, const void *x,
                              int cols, int s16)
{
    rnn_sum a = sum[0], b = sum[1], c = sum[2], d = sum[3];
    const RNN_FLASH rnn_weight *const last = weight + 8u * (unsigned)(cols - 1);
    for (const RNN_FLASH rnn_weight *w = weight;; w += 8) {
        const int32_t element = rnn_element(x, 0, s16);
        x = (const char *)x + (s16 ? sizeof(int16_t) : sizeof(rnn_operand));
        a = rnn_accumulate(a, rnn_product(w[0], element, s16), 0);
        b = rnn_accumulate(b, rnn_product(w[1], element, s16), 0);
        c = rnn_accumulate(c, rnn_product(w[2], element, s16), 0);
        d = rnn_accumulate(d, rnn_product(w[3], element, s16), 0);
        if (w == last) /* w + 8 may lie behind the table */
            break;
    }
    sum[0] = a, sum[1] = b, sum[2] = c, sum[3] = d;
}

/* Adds the columns of one octet to its sums; returns where the next octet begins. */
RNN_PIECE const RNN_FLASH rnn_weight *rnn_octet(rnn_sum sum[8], const RNN_FLASH rnn_weight *weight,
                                                const void *x, int cols, int s16)
{
    rnn_four_rows(sum, weight, x, cols, s16);
    rnn_four_rows(sum + 4, weight + 4, x, cols, s16);
    return weight + 8u * (unsigned)cols;
}

#else

typedef struct {
    rnn_sum a, b, c, d, e, f, g, h;
} rnn_sums;

#if defined(__thumb2__) && defined(__GNUC__)
/* One column of an octet: gcc would read the weights ahead and run out of registers. */
#define RNN_ROW(sum)                                                                               \
    "ldrsb %[weight], [%[w]], #1\n\tmla %[" sum "], %[weight], %[element], %[" sum "]\n\t"
#define RNN_COLUMN(load)                                                                           \
    __asm__(load RNN_ROW("a") RNN_ROW("b") RNN_ROW("c") RNN_ROW("d") RNN_ROW("e") RNN_ROW("f")     \
                RNN_ROW("g") RNN_ROW("h")                                                          \
            : [w] "+&r"(w), [x] "+&r"(x), [a] "+&r"(s.a), [b] "+&r"(s.b), [c] "+&r"(s.c),          \
              [d] "+&r"(s.d), [e] "+&r"(s.e), [f] "+&r"(s.f), [g] "+&r"(s.g), [h] "+&r"(s.h),      \
              [weight] "=&r"(weight), [element] "=&r"(element)                                     \
            :                                                                                      \
            : "memory")

RNN_PIECE const rnn_weight *rnn_octet(rnn_sum sum[8], const rnn_weight *w, const void *x, int cols,
                                      int s16)
{
    rnn_sums s = {sum[0], sum[1], sum[2], sum[3], sum[4], sum[5], sum[6], sum[7]};
    int32_t weight;
    int32_t element;
    RNN_UNROLL_16
    for (int j = 0; j < cols; j++) {
        if (s16)
            RNN_COLUMN("ldrsh %[element], [%[x]], #2\n\t");
        else
            RNN_COLUMN("ldrsb %[element], [%[x]], #1\n\t");
    }
    sum[0] = s.a, sum[1] = s.b, sum[2] = s.c, sum[3] = s.d;
    sum[4] = s.e, sum[5] = s.f, sum[6] = s.g, sum[7] = s.h;
    return w;
}

#else

RNN_PIECE void rnn_column(rnn_sums *sum, const RNN_FLASH rnn_weight *w, int32_t x, int s16)
{
    sum->a = rnn_accumulate(sum->a, rnn_product(w[0], x, s16), 1);
    sum->b = rnn_accumulate(sum->b, rnn_product(w[1], x, s16), 1);
    sum->c = rnn_accumulate(sum->c, rnn_product(w[2], x, s16), 1);
    sum->d = rnn_accumulate(sum->d, rnn_product(w[3], x, s16), 1);
    RNN_FENCE();
    sum->e = rnn_accumulate(sum->e, rnn_product(w[4], x, s16), 1);
    sum->f = rnn_accumulate(sum->f, rnn_product(w[5], x, s16), 0);
    sum->g = rnn_accumulate(sum->g, rnn_product(w[6], x, s16), 0);
    sum->h = rnn_accumulate(sum->h, rnn_product(w[7], x, s16), 0);
    RNN_FENCE();
}

/* Columns in one turn of the loop: as far as the immediate offsets of a Cortex-M0 reach. */
#ifdef RNN_NARROW
enum { RNN_STRIDE = 4 };
#else
enum { RNN_STRIDE = 8 };
#endif

/* Adds the columns of one octet to its sums; returns where the next octet begins. */
RNN_PIECE const RNN_FLASH rnn_weight *rnn_octet(rnn_sum sum[8], const RNN_FLASH rnn_weight *weight,
                                                const void *x, int cols, int s16)
{
    rnn_sums s = {sum[0], sum[1], sum[2], sum[3], sum[4], sum[5], sum[6], sum[7]};
    int j = 0;
    for (; j < cols / RNN_STRIDE * RNN_STRIDE; j += RNN_STRIDE) {
        RNN_UNROLL
        for (int k = 0; k < RNN_STRIDE; k++)
            rnn_column(&s, weight + 8 * k, rnn_element(x, j + k, s16), s16);
        weight += 8 * RNN_STRIDE;
    }
    for (; j < cols; j++) {
        rnn_column(&s, weight, rnn_element(x, j, s16), s16);
        weight += 8;
    }
    sum[0] = s.a, sum[1] = s.b, sum[2] = s.c, sum[3] = s.d;
    sum[4] = s.e, sum[5] = s.f, sum[6] = s.g, sum[7] = s.h;
    return weight;
}

#endif
#endif

/* The rows before `end`, a multiple of 8; returns the weights behind them. */
RNN_PIECE const RNN_FLASH rnn_weight *rnn_octets(int16_t *y, const void *x,
                                                 const RNN_FLASH rnn_linear *w, int end,
                                                 rnn_sum excess, int s16, int add)
{
    const RNN_FLASH rnn_weight *weight = w->weight;
    for (int i = 0; i < end; i += 8) {
        rnn_sum sum[8];
        RNN_UNROLL
        for (int k = 0; k < 8; k++)
            sum[k] = (rnn_sum)w->bias[i + k] - excess;
        weight = rnn_octet(sum, weight, x, w->cols, s16);
        RNN_UNROLL
        for (int k = 7; k >= 0; k--) /* those in the registers that can do more come first */
            rnn_finish_row(y, sum[k], w, i + k, s16, add);
    }
    return weight;
}

#ifdef RNN_THUMB_1
/* The same for bytes, in assembler. */
RNN_PIECE const rnn_weight *rnn_octets_s8(int16_t *y, const rnn_operand *x, const rnn_linear *w,
                                          int end, uint32_t excess, int add)
{
    const unsigned left_out = (0u - (unsigned)w->cols) % RNN_TURN;
    const unsigned code = left_out / 4 * RNN_FOUR_COLUMNS_CODE + left_out % 4 * RNN_COLUMN_CODE;
    rnn_thumb_octets octets = {
        .bias = w->bias,
        .excess = excess,
        .x = (const rnn_operand *)((uintptr_t)x - left_out),
        .entry = (uintptr_t)rnn_columns + 2 * code,
        .y = y,
        .multiplier = w->multiplier,
        .y_end = y + end,
        .weight = w->weight,
        .x_end = x + w->cols,
        .back = 8 * (left_out % 4),
        .add = add,
    };
    if (end > 0)
        rnn_run_octets(&octets, add, w->saturates);
    return w->weight + end * w->cols;
}
#endif

RNN_INLINE void rnn_matvec(int16_t *y, const void *x, const RNN_FLASH rnn_linear *w, int s16,
                           int add)
{
    const rnn_sum excess = rnn_excess(x, w->cols, s16);
    const int in_octets = w->rows / 8 * 8;
#ifdef RNN_THUMB_1
    const rnn_weight *weight = s16 ? rnn_octets(y, x, w, in_octets, excess, s16, add)
                                   : rnn_octets_s8(y, x, w, in_octets, excess, add);
#else
    const RNN_FLASH rnn_weight *weight = rnn_octets(y, x, w, in_octets, excess, s16, add);
#endif
    for (int i = in_octets; i < w->rows; i++) {
        rnn_sum sum = (rnn_sum)w->bias[i] - excess;
        for (int j = 0; j < w->cols; j++)
            sum += rnn_product(*weight++, rnn_element(x, j, s16), s16);
        rnn_finish_row(y, sum, w, i, s16, add);
    }
}

RNN_INLINE void rnn_matvec_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear *w)
{
    rnn_matvec(y, x, w, 0, 0);
}

RNN_INLINE void rnn_matvec_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear *w)
{
    rnn_matvec(y, x, w, 1, 0);
}

RNN_INLINE void rnn_matvec_add_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear *w)
{
    rnn_matvec(y, x, w, 0, 1);
}

RNN_INLINE void rnn_matvec_add_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear *w)
{
    rnn_matvec(y, x, w, 1, 1);
}

#endif
