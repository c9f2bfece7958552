/* Products of weights of 4 bits on every core without kernels of its own.
 *
 * A word has two columns of four rows: from the lowest bits up a byte for each row, the first
 * column in the lower half of it. An AND takes one column of two rows out of it, 16 bits apart, and
 * one multiplication computes both. The tables are those of rnn_edge/backends/nibbles.py.
 */
#ifndef RNN_PORTABLE4_H
#define RNN_PORTABLE4_H

#include "rnn_portable.h"

#ifdef RNN_THUMB_1
#include "rnn_thumb4.h"
#endif

/* As rnn_linear; the rows are filled up to fours. With e = 32 - t - headroom, 0 to 15,
 * r * 2^(32 - t - headroom) is (16 + m) * 2^(10 + e). */
typedef struct {
    int rows;
    int cols;
    int headroom;
    int bias_shift;
    const RNN_FLASH uint32_t *weight; /* W + 8, W -7 to 7 */
    const RNN_FLASH int16_t *bias;    /* b * 2^-bias_shift */
    const RNN_FLASH uint8_t *scale;   /* 16 m + e, one a row */
} rnn_linear4;

/* A value of which gcc knows nothing: it would add two products before it adds them to a sum, which
 * takes an instruction more, and it would multiply what it knows to be positive in two steps. */
#if defined(__GNUC__) && defined(RNN_WIDE)
#define RNN_KEEP(v) __asm__("" : "+r"(v))
#else
#define RNN_KEEP(v) ((void)0)
#endif

/* rnn_requantize of a row. With bytes (not s16), |sum| < 2^23: sum * (16 + m) * 4 is below 2^30,
 * and 2^(e + headroom) <= 2^23, so that 10 bits of the shift come before it. */
RNN_PIECE rnn_lanes rnn_requantize4(uint32_t sum, const RNN_FLASH rnn_linear4 *w, uint8_t scale,
                                    int s16)
{
    const uint32_t mantissa = 16u + (scale >> 4), exponent = scale & 15u;
    if (!s16)
        return rnn_sat16(rnn_shifted((int32_t)(sum * (mantissa << 2)),
                                     (uint_fast8_t)(23u - (uint32_t)w->headroom - exponent)));
    const int32_t v = (int32_t)(sum << w->headroom);
#ifdef RNN_NARROW
    return rnn_sat16(
        rnn_shifted(rnn_scaled_s16(v, (uint16_t)(mantissa << 11)), (uint_fast8_t)(16u - exponent)));
#else
    int32_t multiplier = (int32_t)(mantissa << 10 << exponent);
    RNN_KEEP(multiplier);
    return rnn_sat16(rnn_high(v, multiplier));
#endif
}

/* ---- Operands of int16 ---------------------------------------------------------------------- */

/* The sum of a row with two columns more, modulo 2^32, which W x + b fits. */
RNN_PIECE uint32_t rnn_row4_s16(uint32_t sum, uint8_t pair, int16_t first, int16_t second)
{
    sum += (pair & 15u) * (uint32_t)first;
    RNN_KEEP(sum);
    sum += (uint32_t)(pair >> 4) * (uint32_t)second;
    RNN_KEEP(sum);
    return sum;
}

/* Adds all columns to the sums of four rows; returns the weights behind them. */
RNN_PIECE const RNN_FLASH uint32_t *
rnn_columns4_s16(uint32_t sum[4], const RNN_FLASH uint32_t *word, const int16_t *x, int cols)
{
    uint32_t a = sum[0], b = sum[1], c = sum[2], d = sum[3];
    for (int j = 0; j < cols; j += 2, word++) {
        const int16_t first = x[j], second = j + 1 < cols ? x[j + 1] : 0;
        a = rnn_row4_s16(a, (uint8_t)*word, first, second);
        b = rnn_row4_s16(b, (uint8_t)(*word >> 8), first, second);
        c = rnn_row4_s16(c, (uint8_t)(*word >> 16), first, second);
        d = rnn_row4_s16(d, (uint8_t)(*word >> 24), first, second);
    }
    sum[0] = a, sum[1] = b, sum[2] = c, sum[3] = d;
    return word;
}

/* ---- Operands of bytes ---------------------------------------------------------------------- */

/* Columns whose sums fit 16 bits: |(W + 8) x| <= 15 * 2^7, and 17 times that is below 2^15. */
enum { RNN_PART4 = 17 };

#ifndef RNN_THUMB_1

RNN_PIECE int8_t rnn_byte4(const rnn_operand *x)
{
    return (int8_t)(*x - RNN_ORIGIN);
}

#ifdef __AVR__

/* A row in each: an AVR multiplies bytes. */
typedef struct {
    int16_t a, b, c, d;
} rnn_part4;

/* MULSU takes a signed and an unsigned byte, which no compiler makes of a product in C. */
#define RNN_ROW4(sum)                                                                              \
    "lpm %[pair], Z+\n\tmov %[lower], %[pair]\n\tandi %[lower], 15\n\t"                            \
    "mulsu %[first], %[lower]\n\tadd %A[" sum "], r0\n\tadc %B[" sum "], r1\n\t"                   \
    "swap %[pair]\n\tandi %[pair], 15\n\t"                                                         \
    "mulsu %[second], %[pair]\n\tadd %A[" sum "], r0\n\tadc %B[" sum "], r1\n\t"

RNN_PIECE const RNN_FLASH uint32_t *rnn_pair4_s8(rnn_part4 *sum, const RNN_FLASH uint32_t *word,
                                                 int8_t first, int8_t second)
{
    uint8_t pair, lower;
    __asm__(RNN_ROW4("a") RNN_ROW4("b") RNN_ROW4("c") RNN_ROW4("d") "clr r1"
            : [word] "+z"(word), [a] "+r"(sum->a), [b] "+r"(sum->b), [c] "+r"(sum->c),
              [d] "+r"(sum->d), [pair] "=&a"(pair), [lower] "=&a"(lower)
            : [first] "a"(first), [second] "a"(second));
    return word;
}

RNN_PIECE void rnn_add_part4(uint32_t sum[4], const rnn_part4 *part)
{
    sum[0] += (uint32_t)part->a;
    sum[1] += (uint32_t)part->b;
    sum[2] += (uint32_t)part->c;
    sum[3] += (uint32_t)part->d;
}

#else

/* Two rows in each: a + 2^16 c, modulo 2^32. */
typedef struct {
    uint32_t ac, bd;
} rnn_part4;

RNN_PIECE uint32_t rnn_accumulate4(uint32_t sum, uint32_t two_rows, int32_t x)
{
    sum += two_rows * (uint32_t)x;
    RNN_KEEP(sum);
    return sum;
}

RNN_PIECE const uint32_t *rnn_pair4_s8(rnn_part4 *sum, const uint32_t *word, int32_t first,
                                       int32_t second)
{
    uint32_t two_rows = 0x000F000F;
    RNN_KEEP(two_rows); /* in a register it is ANDed with a shifted word in one instruction */
    sum->ac = rnn_accumulate4(sum->ac, *word & two_rows, first);
    sum->ac = rnn_accumulate4(sum->ac, *word >> 4 & two_rows, second);
    sum->bd = rnn_accumulate4(sum->bd, *word >> 8 & two_rows, first);
    sum->bd = rnn_accumulate4(sum->bd, *word >> 12 & two_rows, second);
    return word + 1;
}

RNN_PIECE void rnn_add_two4(uint32_t *lower, uint32_t *upper, uint32_t both)
{
    const uint32_t low = (uint32_t)(int16_t)both;
    *lower += low;
    *upper += (uint32_t)((int32_t)(both - low) >> 16);
}

RNN_PIECE void rnn_add_part4(uint32_t sum[4], const rnn_part4 *part)
{
    rnn_add_two4(&sum[0], &sum[2], part->ac);
    rnn_add_two4(&sum[1], &sum[3], part->bd);
}

#endif

/* Adds 1 to RNN_PART4 columns to the sums; returns the weights behind them. */
RNN_SHARED const RNN_FLASH uint32_t *
rnn_columns4_s8(uint32_t sum[4], const RNN_FLASH uint32_t *word, const rnn_operand *x, int cols)
{
    rnn_part4 part = {0};
    const rnn_operand *const end = x + cols / 2 * 2;
    for (; x != end; x += 2)
        word = rnn_pair4_s8(&part, word, rnn_byte4(x), rnn_byte4(x + 1));
    if (cols % 2 != 0)
        word = rnn_pair4_s8(&part, word, rnn_byte4(x), 0);
    rnn_add_part4(sum, &part);
    return word;
}

#endif

RNN_PIECE const RNN_FLASH uint32_t *rnn_quad4_s8(uint32_t sum[4], const RNN_FLASH uint32_t *word,
                                                 const rnn_operand *x, int cols)
{
    for (; cols > RNN_PART4; cols -= RNN_PART4 - 1, x += RNN_PART4 - 1)
        word = rnn_columns4_s8(sum, word, x, RNN_PART4 - 1);
    return rnn_columns4_s8(sum, word, x, cols);
}

/* ---- All rows ------------------------------------------------------------------------------- */

/* W + 8 adds 8 sum(x) to every row. */
RNN_PIECE void rnn_rows4(int16_t *y, const void *x, const RNN_FLASH rnn_linear4 *w, int s16,
                         int add)
{
    const RNN_FLASH uint32_t *word = w->weight;
    const RNN_FLASH int16_t *bias = w->bias;
    const RNN_FLASH uint8_t *scale = w->scale;
    const int16_t *const end = y + w->rows;
    uint32_t excess = 0;
    for (int j = 0; j < w->cols; j++)
        excess += 8 * (uint32_t)(rnn_element(x, j, s16) - (s16 ? 0 : RNN_ORIGIN));
    while (y != end) {
        uint32_t sum[4]; /* no initializer: it would be a memset */
        for (int k = 0; k < 4; k++)
            sum[k] = 0u - excess;
        word = s16 ? rnn_columns4_s16(sum, word, x, w->cols) : rnn_quad4_s8(sum, word, x, w->cols);
        for (int k = 0; k < 4 && (w->rows % 4 == 0 || y != end); k++, y++) {
            const uint32_t whole = sum[k] + ((uint32_t)*bias++ << w->bias_shift);
            const rnn_lanes v = rnn_requantize4(whole, w, *scale++, s16);
            *y = (int16_t)(add ? rnn_add(*y, v) : v);
        }
    }
}

RNN_SHARED void rnn_rows4_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear4 *w,
                             int add)
{
    rnn_rows4(y, x, w, 0, add);
}

RNN_SHARED void rnn_rows4_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear4 *w, int add)
{
    rnn_rows4(y, x, w, 1, add);
}

RNN_INLINE void rnn_matvec4_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear4 *w)
{
    rnn_rows4_s8(y, x, w, 0);
}

RNN_INLINE void rnn_matvec4_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear4 *w)
{
    rnn_rows4_s16(y, x, w, 0);
}

RNN_INLINE void rnn_matvec4_add_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear4 *w)
{
    rnn_rows4_s8(y, x, w, 1);
}

RNN_INLINE void rnn_matvec4_add_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear4 *w)
{
    rnn_rows4_s16(y, x, w, 1);
}

#endif
