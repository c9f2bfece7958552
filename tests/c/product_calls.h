/* The products of products.h (tests/c/products.py) by their number, as a generated step calls them:
 * with the sizes as constants where FOLDED_* has the number, else with those in its fields. */
#ifndef PRODUCT_CALLS_H
#define PRODUCT_CALLS_H

#include "lane_loops.h"
#include "products.h"

/* How the bytes of x become the operand. */
enum { WIDENED = 0, STORED = 1 };

static void store_bytes(rnn_operand *y, const int8_t *x, int n)
{
    int16_t lanes[n];
    for (int i = 0; i < n; i++)
        lanes[i] = x[i];
    loop_operand(y, lanes, n);
}

/* Each way to call a product is a function of its own: the registers are all for the kernel. */
#define SEPARATE __attribute__((noinline)) static void

RNN_INLINE void multiply_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear *w,
                            int add)
{
    if (add)
        rnn_matvec_add_s8(y, x, w);
    else
        rnn_matvec_s8(y, x, w);
}

RNN_INLINE void multiply_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear *w, int add)
{
    if (add)
        rnn_matvec_add_s16(y, x, w);
    else
        rnn_matvec_s16(y, x, w);
}

SEPARATE any_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear *w, int add)
{
    multiply_s8(y, x, w, add);
}

SEPARATE any_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear *w, int add)
{
    multiply_s16(y, x, w, add);
}

/* `first`: of the tables of the product, the one with the weights, or a copy of it. A core whose
 * flash has addresses of its own takes it from there. */
#ifdef __AVR__
#define WITH_FIRST(w, linear)                                                                      \
    const RNN_FLASH rnn_linear *const w = &(linear);                                               \
    (void)first
#else
#define WITH_FIRST(w, linear)                                                                      \
    rnn_linear w##_copy = linear;                                                                  \
    const rnn_linear *const w = &w##_copy;                                                         \
    w##_copy.FIRST_TABLE = first
#endif

#define MULTIPLY_S8(multiply, columns)                                                             \
    do {                                                                                           \
        RNN_OPERAND(stored, columns);                                                              \
        RNN_WIDENED(wide, columns);                                                                \
        if (way == STORED)                                                                         \
            store_bytes(stored, x, columns);                                                       \
        multiply(y, way == STORED ? stored : rnn_widen(wide, x, columns), w, add);                 \
    } while (0)

#define FOLDED_CALL_S8(number, columns, linear)                                                    \
    SEPARATE folded_s8_##number(int16_t *y, const int8_t *x, const void *first, int add, int way)  \
    {                                                                                              \
        WITH_FIRST(w, linear);                                                                     \
        MULTIPLY_S8(multiply_s8, columns);                                                         \
    }

#define FOLDED_CALL_S16(number, columns, linear)                                                   \
    SEPARATE folded_s16_##number(int16_t *y, const int16_t *x, const void *first, int add)         \
    {                                                                                              \
        WITH_FIRST(w, linear);                                                                     \
        multiply_s16(y, x, w, add);                                                                \
    }

FOLDED_S8(FOLDED_CALL_S8)
FOLDED_S16(FOLDED_CALL_S16)

#define FOLDED_CASE_S8(number, columns, linear)                                                    \
    case number:                                                                                   \
        folded_s8_##number(y, x, first, add, way);                                                 \
        return;

#define FOLDED_CASE_S16(number, columns, linear)                                                   \
    case number:                                                                                   \
        folded_s16_##number(y, x, first, add);                                                     \
        return;

static void product_s8(int16_t *y, const int8_t *x, int number, const void *first, int add, int way)
{
    switch (number) {
        FOLDED_S8(FOLDED_CASE_S8)
    default: {
        WITH_FIRST(w, *products_s8[number]);
        MULTIPLY_S8(any_s8, w->cols);
    }
    }
}

static void product_s16(int16_t *y, const int16_t *x, int number, const void *first, int add)
{
    switch (number) {
        FOLDED_S16(FOLDED_CASE_S16)
    default: {
        WITH_FIRST(w, *products_s16[number]);
        any_s16(y, x, w, add);
    }
    }
}

#endif
