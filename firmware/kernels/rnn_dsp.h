/* Kernels for cores with two products of 16 bits in one instruction: Cortex-M4, M7, M33 with DSP.
 *
 * Part of the file of a network, where all sizes are constants. Elements two at a time are in
 * rnn_dsp_lanes.h; products are here, with tables in the order of
 * rnn_edge/backends/layouts/dsp.py. Assembler (GNU syntax) says what C cannot: loads of several
 * words, the high half of a product, and which registers stay free.
 */
#ifndef RNN_DSP_H
#define RNN_DSP_H

#include "rnn_core.h"
#include "rnn_dsp_lanes.h"

#ifdef __OPTIMIZE_SIZE__
#define RNN_UNROLL
#else
#define RNN_UNROLL _Pragma("GCC unroll 8")
#endif

/* ---- Operands of the matrix-vector product -------------------------------------------------- */

/* int8 values stand as int16, four at a time. Weights of the padding are 0. */
#define RNN_OPERAND(name, n) __attribute__((aligned(4))) rnn_operand name[((n) + 3) & ~3]
#define RNN_WIDENED(name, n) RNN_OPERAND(name, n)

RNN_PIECE void rnn_store_operand(rnn_operand *y, int i, int n, rnn_lanes v)
{
    (void)n; /* a pair fits into the padding */
    *(rnn_word *)(y + i) = v;
}

RNN_INLINE const rnn_operand *rnn_widen(rnn_operand *wide, const int8_t *x, int n)
{
    RNN_UNROLL
    for (int i = 0; i + 4 <= n; i += 4) {
        const uint32_t word = *(const rnn_word *)(x + i);
        const uint32_t even = rnn_even_bytes(word);
        const uint32_t odd = rnn_odd_bytes(word);
        *(rnn_word *)(wide + i) = rnn_pack_low(even, odd);
        *(rnn_word *)(wide + i + 2) = rnn_pack_high(even, odd);
    }
    for (int i = n & ~3; i < n; i++)
        wide[i] = x[i];
    return wide;
}

/* ---- Matrix-vector product ------------------------------------------------------------------ */

/* y = sat16((2^headroom * (W x + b) * r + 2^(t - 1)) >> t), 17 <= t <= 32, with one r and t a row.
 * The exporter proves for every row and x that |W x + b| * 2^headroom < 2^31, and that
 * |W x + b| < 2^23 where x holds int8 values. `words` is one stream: for every four rows their
 * biases, weights and multipliers, then row by row the rows % 4 last ones. */
typedef struct {
    int rows;
    int cols;
    int headroom;
    const uint32_t *words;
} rnn_linear;

/* v * 2^shift, wherever that is proven to fit. */
RNN_PIECE int32_t rnn_left(int32_t v, int shift)
{
    return (int32_t)((uint32_t)v << shift);
}

/* (a * multiplier + 2^31) >> 32, 0 < multiplier < 2^31, so that |a * multiplier| < 2^62. That is
 * y before saturation, for a = 2^headroom * (W x + b) and multiplier = r * 2^(32 - t). */
RNN_PIECE int32_t rnn_scale(int32_t a, int32_t multiplier)
{
    int32_t y;
    __asm__("smmulr %0, %1, %2" : "=r"(y) : "r"(a), "r"(multiplier));
    return y;
}

/* The sums of four rows begin with their biases. */
RNN_PIECE const uint32_t *rnn_begin_quad(uint32_t sum[4], const uint32_t *word)
{
    __asm__("ldrd %1, %2, [%0], #8\n\t"
            "ldrd %3, %4, [%0], #8"
            : "+&r"(word), "=&r"(sum[0]), "=&r"(sum[1]), "=&r"(sum[2]), "=&r"(sum[3])
            :
            : "memory");
    return word;
}

/* Stores or adds four rows, or the first `rows` of them. */
RNN_PIECE void rnn_store_quad(int16_t *y, int rows, const int32_t row[4], int add)
{
    for (int k = 0; k < 4 && k < rows; k += 2) {
        const uint32_t low = (uint32_t)rnn_sat16(row[k]);
        const uint32_t high = (uint32_t)rnn_sat16(row[k + 1]);
        const rnn_lanes v = rnn_pack_low(low, high);
        rnn_store(y, k, rows, add ? rnn_add(rnn_load(y, k, rows), v) : v);
    }
}

/* Scales the sums of four rows by their multipliers and stores or adds them. */
RNN_PIECE const uint32_t *rnn_end_quad(int16_t *y, int32_t sum[4], const uint32_t *word, int add)
{
    __asm__("ldmia %0!, {r8, r10, r12, lr}\n\t"
            "smmulr %1, %1, r8\n\t"
            "smmulr %2, %2, r10\n\t"
            "smmulr %3, %3, r12\n\t"
            "smmulr %4, %4, lr"
            : "+&r"(word), "+&r"(sum[0]), "+&r"(sum[1]), "+&r"(sum[2]), "+&r"(sum[3])
            :
            : "r8", "r10", "r12", "lr", "memory");
    rnn_store_quad(y, 4, sum, add);
    return word;
}

/* Four columns of four rows, two in a halfword: the byte A below the byte B - (A < 0) is 256 B + A,
 * an int16. The sums are {256 B + A, A, 256 D + C, C}, modulo 2^32. */
#define RNN_FOUR_COLUMNS_S8                                                                        \
    "ldmia %[word]!, {r8, r10, r12, lr}\n\t"                                                       \
    "ldrd %[x01], %[x23], [%[x]], #8\n\t"                                                          \
    "smlad %[ba], r8, %[x01], %[ba]\n\t"                                                           \
    "smlad %[dc], r10, %[x01], %[dc]\n\t"                                                          \
    "sxtb16 r8, r8\n\t"                                                                            \
    "sxtb16 r10, r10\n\t"                                                                          \
    "smlad %[a], r8, %[x01], %[a]\n\t"                                                             \
    "smlad %[c], r10, %[x01], %[c]\n\t"                                                            \
    "smlad %[ba], r12, %[x23], %[ba]\n\t"                                                          \
    "smlad %[dc], lr, %[x23], %[dc]\n\t"                                                           \
    "sxtb16 r12, r12\n\t"                                                                          \
    "sxtb16 lr, lr\n\t"                                                                            \
    "smlad %[a], r12, %[x23], %[a]\n\t"                                                            \
    "smlad %[c], lr, %[x23], %[c]\n\t"
#define RNN_FOUR_COLUMNS_S8_CHANGE                                                                 \
    [word] "+&r"(word), [x] "+&r"(x), [ba] "+&r"(sum[0]), [a] "+&r"(sum[1]), [dc] "+&r"(sum[2]),   \
        [c] "+&r"(sum[3]), [x01] "=&r"(x01), [x23] "=&r"(x23)

/* All columns of four rows. */
RNN_PIECE const uint32_t *rnn_columns_s8(uint32_t sum[4], const uint32_t *word,
                                         const rnn_operand *x, int cols)
{
    uint32_t x01;
    uint32_t x23;
#ifdef __OPTIMIZE_SIZE__
    /* A loop in C would keep its counter in memory: ten registers are all that is left. */
    __asm__("0:\n\t" RNN_FOUR_COLUMNS_S8 "subs %[cols], %[cols], #4\n\t"
            "bgt 0b"
            : RNN_FOUR_COLUMNS_S8_CHANGE, [cols] "+&r"(cols)
            :
            : "r8", "r10", "r12", "lr", "cc", "memory");
#else
    RNN_UNROLL
    for (int j = 0; j < cols; j += 4)
        __asm__(RNN_FOUR_COLUMNS_S8
                : RNN_FOUR_COLUMNS_S8_CHANGE
                :
                : "r8", "r10", "r12", "lr", "memory");
#endif
    return word;
}

/* Four columns of four rows, a row a word with bytes 0, 2, 1, 3. */
RNN_PIECE const uint32_t *rnn_columns_s16(uint32_t sum[4], const uint32_t *word, const int16_t *x)
{
    const uint32_t x01 = *(const rnn_word *)x;
    const uint32_t x23 = *(const rnn_word *)(x + 2);
    uint32_t pair;
    __asm__("ldmia %[word]!, {r8, r10, r12, lr}\n\t"
            "sxtb16 %[pair], r8\n\t"
            "smlad %[a], %[pair], %[x01], %[a]\n\t"
            "sxtb16 r8, r8, ror #8\n\t"
            "sxtb16 %[pair], r10\n\t"
            "smlad %[a], r8, %[x23], %[a]\n\t"
            "smlad %[b], %[pair], %[x01], %[b]\n\t"
            "sxtb16 r10, r10, ror #8\n\t"
            "sxtb16 %[pair], r12\n\t"
            "smlad %[b], r10, %[x23], %[b]\n\t"
            "smlad %[c], %[pair], %[x01], %[c]\n\t"
            "sxtb16 r12, r12, ror #8\n\t"
            "sxtb16 %[pair], lr\n\t"
            "smlad %[c], r12, %[x23], %[c]\n\t"
            "smlad %[d], %[pair], %[x01], %[d]\n\t"
            "sxtb16 lr, lr, ror #8\n\t"
            "smlad %[d], lr, %[x23], %[d]"
            : [word] "+&r"(word), [a] "+&r"(sum[0]), [b] "+&r"(sum[1]), [c] "+&r"(sum[2]),
              [d] "+&r"(sum[3]), [pair] "=&r"(pair)
            : [x01] "r"(x01), [x23] "r"(x23)
            : "r8", "r10", "r12", "lr", "memory");
    return word;
}

/* The rows % 4 last rows, one after the other: bias, multiplier, weights as for rnn_columns_s16.
 * `last`: the columns past the last four, and padding. Partial sums fit in any order. */
RNN_INLINE void rnn_last_rows(int16_t *y, const int16_t *x, const int16_t *last,
                              const rnn_linear *w, const uint32_t *word, int add)
{
    for (int i = w->rows & ~3; i < w->rows; i++) {
        int32_t sum = (int32_t)*word++;
        const int32_t multiplier = (int32_t)*word++;
        RNN_UNROLL
        for (int j = 0; j < w->cols; j += 4) {
            const rnn_word *const columns = (const rnn_word *)(j + 4 <= w->cols ? x + j : last);
            const uint32_t even = rnn_even_bytes(*word);
            const uint32_t odd = rnn_odd_bytes(*word++);
            sum = __smlad((int16x2_t)even, (int16x2_t)columns[0], sum);
            sum = __smlad((int16x2_t)odd, (int16x2_t)columns[1], sum);
        }
        const int32_t v = rnn_sat16(rnn_scale(rnn_left(sum, w->headroom), multiplier));
        y[i] = (int16_t)(add ? rnn_sat16(y[i] + v) : v);
    }
}

/* The difference of the sums of two rows is 256 times that of the odd row, below 2^31 because
 * |W x + b| < 2^23: it is 2^right, words[0], times what its multiplier is made for. */
RNN_INLINE void rnn_rows_s8(int16_t *y, const rnn_operand *x, const rnn_linear *w, int add)
{
    const uint32_t right = w->words[0];
    const uint32_t *word = w->words + 1;
    for (int i = 0; i + 4 <= w->rows; i += 4) {
        uint32_t sum[4];
        word = rnn_begin_quad(sum, word);
        word = rnn_columns_s8(sum, word, x, w->cols);
        int32_t row[4] = {
            rnn_left((int32_t)sum[1], w->headroom),
            rnn_left((int32_t)(sum[0] - sum[1]) >> right, w->headroom),
            rnn_left((int32_t)sum[3], w->headroom),
            rnn_left((int32_t)(sum[2] - sum[3]) >> right, w->headroom),
        };
        word = rnn_end_quad(y + i, row, word, add);
    }
    if (w->rows % 4 != 0)
        rnn_last_rows(y, x, x + (w->cols & ~3), w, word, add);
}

RNN_INLINE void rnn_rows_s16(int16_t *y, const int16_t *x, const rnn_linear *w, int add)
{
    int16_t last[4] = {0};
    for (int j = w->cols & ~3; j < w->cols; j++)
        last[j % 4] = x[j];
    const uint32_t *word = w->words;
    for (int i = 0; i + 4 <= w->rows; i += 4) {
        uint32_t sum[4];
        word = rnn_begin_quad(sum, word);
        RNN_UNROLL
        for (int j = 0; j < w->cols; j += 4)
            word = rnn_columns_s16(sum, word, j + 4 <= w->cols ? x + j : last);
        int32_t row[4];
        for (int k = 0; k < 4; k++)
            row[k] = rnn_left((int32_t)sum[k], w->headroom);
        word = rnn_end_quad(y + i, row, word, add);
    }
    if (w->rows % 4 != 0)
        rnn_last_rows(y, x, last, w, word, add);
}

RNN_PIECE void rnn_matvec_s8(int16_t *y, const rnn_operand *x, const rnn_linear *w)
{
    rnn_rows_s8(y, x, w, 0);
}

RNN_PIECE void rnn_matvec_add_s8(int16_t *y, const rnn_operand *x, const rnn_linear *w)
{
    rnn_rows_s8(y, x, w, 1);
}

RNN_PIECE void rnn_matvec_s16(int16_t *y, const int16_t *x, const rnn_linear *w)
{
    rnn_rows_s16(y, x, w, 0);
}

RNN_PIECE void rnn_matvec_add_s16(int16_t *y, const int16_t *x, const rnn_linear *w)
{
    rnn_rows_s16(y, x, w, 1);
}

#endif
