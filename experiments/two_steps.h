/* The input product of a recurrent layer for the inputs of two steps: one after the other, or at
 * once, so that each weight is loaded (and sign-extended) once for both. two_steps.py puts this
 * into the generated C of a network, before its step, with
 *   ROWS, COLUMNS, LINEAR   the product: rows are a multiple of 8, columns of 16 up to 64
 *   EVERY_COLUMN(text)      the text COLUMNS times; EVERY_PAIR(text): half as often
 *   PRODUCTS                1 of one step
 *                           2 of two steps, one after the other
 *                           3 of two steps at once
 *                           4 as 3, and the step is spoilt where the integers are not those of 2
 */
static int8_t earlier[COLUMNS]; /* the input of the other step: the one before */

#define PIECE static inline __attribute__((always_inline))

/* The kernel of the network, as its step calls it. */
PIECE void of_one(int16_t *y, const int8_t *x)
{
    RNN_WIDENED(wide, COLUMNS);
    rnn_matvec_s8(y, rnn_widen(wide, x, COLUMNS), &LINEAR);
}

#if defined(RNN_DSP)

/* Two columns of both steps beside each other: x of one step, then of the other. */
PIECE void widen_both(uint32_t *both, const int8_t *x0, const int8_t *x1)
{
    for (int i = 0; i < COLUMNS; i += 4) {
        const uint32_t word0 = *(const rnn_word *)(x0 + i);
        const uint32_t word1 = *(const rnn_word *)(x1 + i);
        both[i] = rnn_pack_low(rnn_even_bytes(word0), rnn_odd_bytes(word0));
        both[i + 1] = rnn_pack_low(rnn_even_bytes(word1), rnn_odd_bytes(word1));
        both[i + 2] = rnn_pack_high(rnn_even_bytes(word0), rnn_odd_bytes(word0));
        both[i + 3] = rnn_pack_high(rnn_even_bytes(word1), rnn_odd_bytes(word1));
    }
}

#define TWO_COLUMNS                                                                                \
    "ldrd %[ba], %[dc], [%[word]], #8\n\t"                                                         \
    "ldrd %[x0], %[x1], [%[both]], #8\n\t"                                                         \
    "smlad %[s0], %[ba], %[x0], %[s0]\n\t"                                                         \
    "smlad %[t0], %[ba], %[x1], %[t0]\n\t"                                                         \
    "smlad %[s2], %[dc], %[x0], %[s2]\n\t"                                                         \
    "smlad %[t2], %[dc], %[x1], %[t2]\n\t"                                                         \
    "sxtb16 %[ba], %[ba]\n\t"                                                                      \
    "sxtb16 %[dc], %[dc]\n\t"                                                                      \
    "smlad %[s1], %[ba], %[x0], %[s1]\n\t"                                                         \
    "smlad %[t1], %[ba], %[x1], %[t1]\n\t"                                                         \
    "smlad %[s3], %[dc], %[x0], %[s3]\n\t"                                                         \
    "smlad %[t3], %[dc], %[x1], %[t3]\n\t"

/* Sums of four rows for two steps, as those of rnn_dsp.h: two columns are 16 products in 2 LDRD,
 * 2 SXTB16 and 8 SMLAD. In one statement: it takes all registers but the stack pointer, and gcc
 * moves them around between two. */
PIECE const uint32_t *four_rows(uint32_t s[4], uint32_t t[4], const uint32_t *word,
                                const uint32_t *both)
{
    uint32_t ba, dc, x0, x1;
    __asm__(
        "ldrd %[t0], %[t1], [%[word]]\n\t"
        "ldrd %[t2], %[t3], [%[word], #8]\n\t"
        "ldrd %[s0], %[s1], [%[word]], #8\n\t"
        "ldrd %[s2], %[s3], [%[word]], #8\n\t" EVERY_PAIR(TWO_COLUMNS)
        : [word] "+&r"(word), [both] "+&r"(both), [s0] "=&r"(s[0]), [s1] "=&r"(s[1]),
          [s2] "=&r"(s[2]), [s3] "=&r"(s[3]), [t0] "=&r"(t[0]), [t1] "=&r"(t[1]), [t2] "=&r"(t[2]),
          [t3] "=&r"(t[3]), [ba] "=&r"(ba), [dc] "=&r"(dc), [x0] "=&r"(x0), [x1] "=&r"(x1)
        :
        : "memory");
    return word;
}

PIECE void sums_of_rows(int32_t row[4], const uint32_t sum[4], uint32_t right)
{
    row[0] = rnn_left((int32_t)sum[1], LINEAR.headroom);
    row[1] = rnn_left((int32_t)(sum[0] - sum[1]) >> right, LINEAR.headroom);
    row[2] = rnn_left((int32_t)sum[3], LINEAR.headroom);
    row[3] = rnn_left((int32_t)(sum[2] - sum[3]) >> right, LINEAR.headroom);
}

PIECE void of_two(int16_t *y, const int8_t *x0, const int8_t *x1)
{
    uint32_t both[COLUMNS];
    const uint32_t right = LINEAR.words[0];
    const uint32_t *word = LINEAR.words + 1;
    widen_both(both, x0, x1);
    for (int i = 0; i < ROWS; i += 4) {
        uint32_t s[4], t[4];
        int32_t row[4];
        word = four_rows(s, t, word, both);
        sums_of_rows(row, s, right);
        (void)rnn_end_quad(y + i, row, word, 0);
        sums_of_rows(row, t, right);
        word = rnn_end_quad(y + ROWS + i, row, word, 0);
    }
}

#elif defined(RNN_WIDE)

typedef struct {
    int32_t of[2];
} both_steps;

#define ONE_COLUMN                                                                                 \
    "ldrd %[x0], %[x1], [%[both]], #8\n\t"                                                         \
    "ldrsb %[weight], [%[w]], #1\n\t"                                                              \
    "mla %[s0], %[weight], %[x0], %[s0]\n\t"                                                       \
    "mla %[t0], %[weight], %[x1], %[t0]\n\t"                                                       \
    "ldrsb %[weight], [%[w]], #1\n\t"                                                              \
    "mla %[s1], %[weight], %[x0], %[s1]\n\t"                                                       \
    "mla %[t1], %[weight], %[x1], %[t1]\n\t"                                                       \
    "ldrsb %[weight], [%[w]], #1\n\t"                                                              \
    "mla %[s2], %[weight], %[x0], %[s2]\n\t"                                                       \
    "mla %[t2], %[weight], %[x1], %[t2]\n\t"                                                       \
    "ldrsb %[weight], [%[w]], #5\n\t"                                                              \
    "mla %[s3], %[weight], %[x0], %[s3]\n\t"                                                       \
    "mla %[t3], %[weight], %[x1], %[t3]\n\t"

/* Adds the columns of four rows of an octet to the sums of two steps: a column is 8 products in
 * LDRD, 4 LDRSB and 8 MLA. */
PIECE void add_columns(int32_t s[4], int32_t t[4], const int8_t *w, const both_steps *both)
{
    int32_t weight, x0, x1;
    __asm__(
        EVERY_COLUMN(ONE_COLUMN)
        : [w] "+&r"(w), [both] "+&r"(both), [s0] "+&r"(s[0]), [s1] "+&r"(s[1]), [s2] "+&r"(s[2]),
          [s3] "+&r"(s[3]), [t0] "+&r"(t[0]), [t1] "+&r"(t[1]), [t2] "+&r"(t[2]), [t3] "+&r"(t[3]),
          [weight] "=&r"(weight), [x0] "=&r"(x0), [x1] "=&r"(x1)
        :
        : "memory");
}

/* Rows i to i + 3 of an octet, whose weights begin at w. */
PIECE void of_four_rows(int16_t *y, const int8_t *w, const both_steps *both, int i)
{
    int32_t s[4], t[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++)
        s[k] = t[k] = LINEAR.bias[i + k];
    add_columns(s, t, w, both);
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
        const rnn_lanes v0 = rnn_requantize(s[k], &LINEAR, i + k, 0);
        const rnn_lanes v1 = rnn_requantize(t[k], &LINEAR, i + k, 0);
        y[i + k] = (int16_t)v0;
        y[ROWS + i + k] = (int16_t)v1;
        RNN_FENCE();
    }
}

PIECE void of_two(int16_t *y, const int8_t *x0, const int8_t *x1)
{
    both_steps both[COLUMNS];
#pragma GCC unroll 16
    for (int j = 0; j < COLUMNS; j++)
        both[j] = (both_steps){{x0[j], x1[j]}};
    for (int i = 0; i < ROWS; i += 8) {
        const int8_t *w = LINEAR.weight + i * COLUMNS;
        of_four_rows(y, w, both, i);
        of_four_rows(y, w + 4, both, i + 4);
    }
}

#elif defined(RNN_MVE)

enum { BLOCKS = COLUMNS / 16 };

/* One row and two steps: a block of 16 columns is 32 products in VLDRB and 2 VMLADAVA. */
PIECE void of_row(int32_t *s, int32_t *t, const int8_t **w, const int8x16_t *x0,
                  const int8x16_t *x1)
{
    const int8x16_t first = rnn_load_weights(w, 16, 1);
    int32_t sum0 = rnn_sum(first, x0[0], 1), sum1 = rnn_sum(first, x1[0], 1);
#pragma GCC unroll 4
    for (int block = 1; block < BLOCKS; block++) {
        const int8x16_t weight = rnn_load_weights(w, 16, 1);
        sum0 = rnn_add_sum(sum0, weight, x0[block], 1);
        sum1 = rnn_add_sum(sum1, weight, x1[block], 1);
    }
    *s = sum0;
    *t = sum1;
}

PIECE void of_two(int16_t *y, const int8_t *x0, const int8_t *x1)
{
    int8x16_t block0[BLOCKS], block1[BLOCKS];
    const int8_t *w = LINEAR.weight;
#pragma GCC unroll 4
    for (int block = 0; block < BLOCKS; block++) {
        block0[block] = vldrbq_s8(x0 + 16 * block);
        block1[block] = vldrbq_s8(x1 + 16 * block);
    }
    for (int i = 0; i < ROWS; i += 4) {
        const int32x4_t bias = vldrwq_s32(LINEAR.bias + i), r = vldrwq_s32(LINEAR.multiplier + i);
        int32_t s[4], t[4];
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++)
            of_row(&s[k], &t[k], &w, block0, block1);
        const int32x4_t sum0 = vaddq_s32(rnn_join(s[0], s[1], s[2], s[3]), bias);
        const int32x4_t sum1 = vaddq_s32(rnn_join(t[0], t[1], t[2], t[3]), bias);
        vstrhq_s32(y + i, vreinterpretq_s32_s16(rnn_requantize(sum0, r, LINEAR.headroom)));
        vstrhq_s32(y + ROWS + i, vreinterpretq_s32_s16(rnn_requantize(sum1, r, LINEAR.headroom)));
    }
}

#endif

#if PRODUCTS == 4
/* An output that is not the interpreter's stops the measurement. */
static void spoil_if_wrong(int16_t *y, const int8_t *x)
{
    int16_t one_by_one[2 * ROWS];
    of_one(one_by_one, x);
    of_one(one_by_one + ROWS, earlier);
    if (memcmp(y, one_by_one, sizeof one_by_one) != 0)
        for (int i = 0; i < ROWS; i++)
            y[i] = INT16_MIN;
}
#endif

/* y[ROWS] of this step, then, of the other, as many that nothing reads: the empty statement keeps
 * the compiler from leaving them out. */
PIECE void input_products(int16_t y[2 * ROWS], const int8_t *x)
{
#if PRODUCTS <= 2
    of_one(y, x);
#endif
#if PRODUCTS == 2
    of_one(y + ROWS, earlier);
#elif PRODUCTS > 2
    of_two(y, x, earlier);
#endif
#if PRODUCTS == 4
    spoil_if_wrong(y, x);
#endif
    __asm__("" : : "r"(y) : "memory");
    memcpy(earlier, x, COLUMNS);
}
