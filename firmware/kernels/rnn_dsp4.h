/* Products of weights of 4 bits on cores with two products of 16 bits in one instruction.
 *
 * A word has two columns of four rows: in each halfword, the columns', four bits for each row from
 * the lowest up. Four AND with a shifted operand take a pair of columns of one row each out of it,
 * four SMLAD multiply them. The tables are those of rnn_edge/backends/layouts/dsp.py.
 */
#ifndef RNN_DSP4_H
#define RNN_DSP4_H

#include "rnn_dsp.h"

/* As rnn_linear. The weights are W + 8, 0 to 15, in both kinds of operand; W x + b fits 31 bits
 * (shifted left by headroom), and all sums are taken modulo 2^32. `words` is one stream: for every
 * four rows, the last ones filled up, two words of b * 2^-bias_shift, int16, the weights, and a
 * word with a scale in each byte. */
typedef struct {
    int rows;
    int cols;
    int headroom;
    int bias_shift;
    const uint32_t *words;
} rnn_linear4;

/* The bias in the upper half of a word. */
RNN_PIECE uint32_t rnn_bias4(uint32_t upper, const rnn_linear4 *w)
{
    return (uint32_t)((int32_t)upper >> 16) << w->bias_shift;
}

/* rnn_scale of a row whose multiplier r * 2^(32 - t) is (16 + m) * 2^(10 + e): m begins at bit 10
 * of `mantissa`, e at bit 0 of `exponent`. */
RNN_PIECE int32_t rnn_scale4(uint32_t sum, uint32_t mantissa, uint32_t exponent,
                             const rnn_linear4 *w)
{
    const uint32_t multiplier = ((mantissa & 0x3C00) | 0x4000) << (exponent & 15);
    return rnn_scale(rnn_left((int32_t)sum, w->headroom), (int32_t)multiplier);
}

/* 8 sum(x), which weights of W + 8 add to every row, modulo 2^32. */
RNN_PIECE uint32_t rnn_excess4(const int16_t *x, int cols)
{
    uint32_t sum = 0;
    for (int j = 0; j + 2 <= cols; j += 2)
        sum = (uint32_t)__smlad((int16x2_t) * (const rnn_word *)(x + j), (int16x2_t)0x00010001,
                                (int32_t)sum);
    if (cols % 2 != 0)
        sum += (uint32_t)x[cols - 1];
    return 8 * sum;
}

/* Two columns of four rows. Each SMLAD adds two products of 0 to 15 and an int16. */
#define RNN_TWO_COLUMNS_4(word, x)                                                                 \
    "and %[pair], %[mask], " word ", lsr #4\n\t"                                                   \
    "smlad %[b], %[pair], " x ", %[b]\n\t"                                                         \
    "and %[pair], %[mask], " word ", lsr #8\n\t"                                                   \
    "smlad %[c], %[pair], " x ", %[c]\n\t"                                                         \
    "and %[pair], %[mask], " word ", lsr #12\n\t"                                                  \
    "smlad %[d], %[pair], " x ", %[d]\n\t"                                                         \
    "and " word ", %[mask], " word "\n\t"                                                          \
    "smlad %[a], " word ", " x ", %[a]\n\t"
#define RNN_FOUR_COLUMNS_4(load)                                                                   \
    "ldrd %[w01], %[w23], [%[word]], #8\n\t" load RNN_TWO_COLUMNS_4("%[w01]", "%[x01]")            \
        RNN_TWO_COLUMNS_4("%[w23]", "%[x23]")
/* Operands of int8 values begin at a multiple of four bytes, those of int16 anywhere. */
#define RNN_LOAD_S8 "ldrd %[x01], %[x23], [%[x]], #8\n\t"
#define RNN_LOAD_S16 "ldr %[x01], [%[x]], #4\n\tldr %[x23], [%[x]], #4\n\t"
#define RNN_FOUR_COLUMNS_4_CHANGE                                                                  \
    [word] "+&r"(word), [x] "+&r"(x), [a] "+&r"(sum[0]), [b] "+&r"(sum[1]), [c] "+&r"(sum[2]),     \
        [d] "+&r"(sum[3]), [w01] "=&r"(w01), [w23] "=&r"(w23), [x01] "=&r"(x01), [x23] "=&r"(x23), \
        [pair] "=&r"(pair)

/* A loop in C would keep its counter in memory: it takes the last register. Unrolled it would save
 * one instruction in ten, and cost more flash than the weights of small networks. */
#define RNN_ALL_COLUMNS_4(load)                                                                    \
    __asm__("0:\n\t" RNN_FOUR_COLUMNS_4(load) "subs %[cols], %[cols], #4\n\t"                      \
                                              "bgt 0b"                                             \
            : RNN_FOUR_COLUMNS_4_CHANGE, [cols] "+&r"(cols)                                        \
            : [mask] "r"(0x000F000F)                                                               \
            : "cc", "memory")

/* `cols` columns of four rows, in fours: those of the padding have weights of 0 as they are stored,
 * whatever x holds there. */
RNN_PIECE const uint32_t *rnn_columns_4(uint32_t sum[4], const uint32_t *word, const int16_t *x,
                                        int cols, int s16)
{
    uint32_t w01, w23, x01, x23, pair;
    if (cols <= 0)
        return word;
    if (s16) {
        RNN_ALL_COLUMNS_4(RNN_LOAD_S16);
    } else {
        RNN_ALL_COLUMNS_4(RNN_LOAD_S8);
    }
    return word;
}

/* Four rows from `word` on, of which the first `rows` are stored or added. `last`: the columns
 * behind the `whole` first. */
RNN_PIECE const uint32_t *rnn_quad_4(int16_t *y, int rows, const int16_t *x, const int16_t *last,
                                     int whole, uint32_t excess, const uint32_t *word,
                                     const rnn_linear4 *w, int s16, int add)
{
    uint32_t sum[4] = {
        rnn_bias4(word[0] << 16, w) - excess,
        rnn_bias4(word[0], w) - excess,
        rnn_bias4(word[1] << 16, w) - excess,
        rnn_bias4(word[1], w) - excess,
    };
    word = rnn_columns_4(sum, word + 2, x, whole, s16);
    word = rnn_columns_4(sum, word, last, w->cols - whole, s16);
    const uint32_t scales = *word;
    const int32_t row[4] = {
        rnn_scale4(sum[0], scales << 6, scales, w),
        rnn_scale4(sum[1], scales >> 2, scales >> 8, w),
        rnn_scale4(sum[2], scales >> 10, scales >> 16, w),
        rnn_scale4(sum[3], scales >> 18, scales >> 24, w),
    };
    rnn_store_quad(y, rows, row, add);
    return word + 1;
}

/* Behind the end of an operand of int16 nothing is read: its last columns % 4 are copied. */
RNN_INLINE void rnn_rows_4(int16_t *y, const int16_t *x, const rnn_linear4 *w, int s16, int add)
{
    const int whole = s16 ? w->cols & ~3 : w->cols;
    int16_t last[4] __attribute__((aligned(4))) = {0};
    for (int j = whole; j < w->cols; j++)
        last[j % 4] = x[j];
    const uint32_t excess = rnn_excess4(x, w->cols);
    const uint32_t *word = w->words;
    for (int i = 0; i < w->rows; i += 4) {
        const int rows = w->rows % 4 == 0 ? 4 : w->rows - i; /* more than four are four */
        word = rnn_quad_4(y + i, rows, x, last, whole, excess, word, w, s16, add);
    }
}

RNN_PIECE void rnn_matvec4_s8(int16_t *y, const rnn_operand *x, const rnn_linear4 *w)
{
    rnn_rows_4(y, x, w, 0, 0);
}

RNN_PIECE void rnn_matvec4_add_s8(int16_t *y, const rnn_operand *x, const rnn_linear4 *w)
{
    rnn_rows_4(y, x, w, 0, 1);
}

RNN_PIECE void rnn_matvec4_s16(int16_t *y, const int16_t *x, const rnn_linear4 *w)
{
    rnn_rows_4(y, x, w, 1, 0);
}

RNN_PIECE void rnn_matvec4_add_s16(int16_t *y, const int16_t *x, const rnn_linear4 *w)
{
    rnn_rows_4(y, x, w, 1, 1);
}

#endif
