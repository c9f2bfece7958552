/* Instructions of one recurrent product on a Cortex-M4, counted under QEMU (-icount shift=6).
 *
 * matrix.h, written by matvec_count.py, holds one int8 matrix in one of three structures, input
 * vectors and the expected outputs. The structure decides which product() is compiled:
 *   STRUCTURE 1    every column of a quad of rows is there: dense
 *   STRUCTURE 2    blocks of 4 rows x 1 column, one index byte a block
 *   STRUCTURE 3    blocks of 4 rows x 4 columns, one index byte a block
 * With RANK the matrix is a product of two dense ones and product() has an int8 vector between
 * them.
 *
 * A quad of rows A, B, C, D is stored for two columns as two words; a halfword of the first holds
 * 256 * B + A of one column, the second C and D likewise. */
#include <arm_acle.h>
#include <stdint.h>

typedef struct {
    uint32_t raw_ab, a, raw_cd, c; /* raw = 256 * sum of the second row + sum of the first */
} quad;

typedef struct {
    quad bias;
    int32_t multiplier[4];
} quad_rows;

#include "matrix.h"

#define INLINE static inline __attribute__((always_inline))
#define REGISTER(address) (*(volatile uint32_t *)(address))

/* gcc 12 does not merge two loads into LDRD by itself. */
INLINE const void *load_two(const void *from, uint32_t *first, uint32_t *second)
{
    __asm__ volatile("ldrd %0, %1, [%2], #8"
                     : "=&r"(*first), "=&r"(*second), "+r"(from)
                     :
                     : "memory");
    return from;
}

/* Eight products. |a|, |b|, |c|, |d| < 2^23 (checked at packing), so that a raw sum, which may wrap
 * on its way, is 256 * b + a as a number of 32 bits in the end, and raw - a is 256 * b exactly:
 * |256 * b| < 2^31. */
INLINE void add_two_columns(quad *sum, uint32_t ab, uint32_t cd, uint32_t x)
{
    sum->raw_ab = (uint32_t)__smlad((int32_t)ab, (int32_t)x, (int32_t)sum->raw_ab);
    sum->a = (uint32_t)__smlad(__sxtb16((int32_t)ab), (int32_t)x, (int32_t)sum->a);
    sum->raw_cd = (uint32_t)__smlad((int32_t)cd, (int32_t)x, (int32_t)sum->raw_cd);
    sum->c = (uint32_t)__smlad(__sxtb16((int32_t)cd), (int32_t)x, (int32_t)sum->c);
}

/* The intrinsic __ssat of gcc 12 does not pass -Wconversion. */
INLINE int16_t saturate(int32_t v, int bits)
{
    __asm__("ssat %0, %2, %1" : "=r"(v) : "r"(v), "I"(bits));
    return (int16_t)v;
}

/* sat16(floor((sum * 2^headroom * multiplier + 2^31) / 2^32)) with multiplier = r * 2^(32 - t -
 * headroom) < 2^30: the interpreter's (sum * r + 2^(t - 1)) >> t. Packing proves that
 * |sum * 2^headroom| < 2^31 and t + headroom is 17 to 32. */
INLINE int16_t requantize(uint32_t sum, int32_t multiplier, int headroom)
{
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(sum << headroom), "r"(multiplier));
    return saturate(high, 16);
}

INLINE void store_quad(int16_t *y, const quad *sum, const int32_t *multiplier, int headroom)
{
    y[0] = requantize(sum->a, multiplier[0], headroom);
    y[1] = requantize((uint32_t)((int32_t)(sum->raw_ab - sum->a) >> 8), multiplier[1], headroom);
    y[2] = requantize(sum->c, multiplier[2], headroom);
    y[3] = requantize((uint32_t)((int32_t)(sum->raw_cd - sum->c) >> 8), multiplier[3], headroom);
}

#if STRUCTURE != 2
/* Four columns of a dense quad: 3 LDRD and 12 for 16 products. */
INLINE const void *add_four_columns(quad *sum, const void *weight, const void **x)
{
    uint32_t x01, x23, ab, cd;
    *x = load_two(*x, &x01, &x23);
    weight = load_two(weight, &ab, &cd);
    add_two_columns(sum, ab, cd, x01);
    weight = load_two(weight, &ab, &cd);
    add_two_columns(sum, ab, cd, x23);
    return weight;
}
#endif

#if STRUCTURE == 1
INLINE void dense(int16_t *y, const int16_t *operand, const quad_rows *row, const void *weight,
                  int rows, int columns, int headroom)
{
    for (int i = 0; i < rows; i += 4, row++) {
        quad sum = row->bias;
        const void *x = operand;
#pragma GCC unroll 8
        for (int k = 0; k < columns; k += 4)
            weight = add_four_columns(&sum, weight, &x);
        store_quad(y + i, &sum, row->multiplier, headroom);
    }
}
#endif

#ifdef RANK
/* An int16 value at 2^-8, rounded as rnn_rescale_s16_s8 does, as operand of the second product. */
INLINE int16_t narrow(int16_t v)
{
    const int32_t half = (v + 1) >> 1;
    return saturate((half + 64 + (half >> 31)) >> 7, 8);
}

__attribute__((noinline)) static void product(int16_t *y, const int16_t *x)
{
    int16_t middle[RANK] __attribute__((aligned(4)));
    dense(middle, x, middle_rows, middle_weight, RANK, COLUMNS, MIDDLE_HEADROOM);
    for (int i = 0; i < RANK; i++)
        middle[i] = narrow(middle[i]);
    dense(y, middle, output_rows, output_weight, ROWS, RANK, OUTPUT_HEADROOM);
}
#else
__attribute__((noinline)) static void product(int16_t *y, const int16_t *x)
{
#if STRUCTURE == 1
    dense(y, x, output_rows, output_weight, ROWS, COLUMNS, OUTPUT_HEADROOM);
#else
    const uint8_t *index = output_index;
    const uint8_t *count = output_count;
    const void *weight = output_weight;
    const quad_rows *row = output_rows;
    for (int i = 0; i < ROWS; i += 4, row++) {
        const uint8_t *end = index + *count++;
        quad sum = row->bias;
        while (index != end) {
#if STRUCTURE == 2
            uint32_t ab, cd;
            const uint32_t low = (uint16_t)x[*index++];
            const uint32_t high = (uint16_t)x[*index++];
            weight = load_two(weight, &ab, &cd);
            add_two_columns(&sum, ab, cd, low | high << 16);
#else
            const void *four = x + 4 * *index++;
            weight = add_four_columns(&sum, weight, &four);
#endif
        }
        store_quad(y + i, &sum, row->multiplier, OUTPUT_HEADROOM);
    }
#endif
}
#endif

/* ---- The program around it ------------------------------------------------------------------ */

static void semihosting(uint32_t operation, const void *arguments)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

static void print_number(uint32_t number)
{
    char text[12] = {0};
    char *digit = text + sizeof text - 1;
    *--digit = '\n';
    do {
        *--digit = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    semihosting(0x04, digit); /* SYS_WRITE0 */
}

static uint32_t ticks(void)
{
    return REGISTER(0xE000E018); /* SysTick counts down */
}

static uint32_t elapsed(uint32_t from)
{
    return (from - ticks()) & 0xFFFFFF;
}

static uint32_t ticks_of_1000_instructions(void)
{
    const uint32_t from = ticks();
    __asm__ volatile(".rept 1000\n nop\n .endr" ::: "memory");
    return elapsed(from);
}

__attribute__((noreturn)) void reset_handler(void);

void reset_handler(void)
{
    static int16_t y[ROWS];
    uint32_t wrong = 0, took = 0;

    REGISTER(0xE000E014) = 0xFFFFFF;
    REGISTER(0xE000E018) = 0;
    REGISTER(0xE000E010) = 5; /* on, with the clock of the core */
    for (int i = 0; i < VECTORS; i++) {
        uint32_t from = ticks();
        const uint32_t nothing = elapsed(from);
        from = ticks();
        product(y, inputs[i]);
        took = elapsed(from) - nothing;
        for (int k = 0; k < ROWS; k++)
            wrong += y[k] != expected[i][k];
    }
    const uint32_t thousand = ticks_of_1000_instructions();
    print_number(wrong);
    print_number((took * 1000 + thousand / 2) / thousand);
    const uint32_t stop[2] = {0x20026, 0};
    semihosting(0x20, stop); /* SYS_EXIT_EXTENDED */
    for (;;)
        ;
}

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t stack;
    void (*reset)(void);
} vectors = {0x20400000, reset_handler};
