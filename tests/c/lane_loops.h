/* Loops over n elements as a generated step has them. Shifts and fractions are constants there, and
 * some vector instructions take no other: each one that a step may have has its loop here. */
#ifndef LANE_LOOPS_H
#define LANE_LOOPS_H

#include "rnn_step.h"

/* clang-format off */
#define EACH_RESCALE_SHIFT(EACH) \
    EACH(1) EACH(2) EACH(3) EACH(4) EACH(5) EACH(6) EACH(7) EACH(8) \
    EACH(9) EACH(10) EACH(11) EACH(12) EACH(13) EACH(14) EACH(15)
#define EACH_MUL_SHIFT(EACH) EACH_RESCALE_SHIFT(EACH) \
    EACH(16) EACH(17) EACH(18) EACH(19) EACH(20) EACH(21) EACH(22) EACH(23) \
    EACH(24) EACH(25) EACH(26) EACH(27) EACH(28) EACH(29) EACH(30)
#define EACH_FRACTION(EACH) \
    EACH(0) EACH(1) EACH(2) EACH(3) EACH(4) EACH(5) EACH(6) EACH(7) \
    EACH(8) EACH(9) EACH(10) EACH(11) EACH(12)
/* clang-format on */

static inline void loop_add(int16_t *y, const int16_t *a, const int16_t *b, int n)
{
    for (int i = 0; i < n; i += RNN_LANES)
        rnn_store(y, i, n, rnn_add(rnn_load(a, i, n), rnn_load(b, i, n)));
}

static inline void loop_sub(int16_t *y, const int16_t *a, const int16_t *b, int n)
{
    for (int i = 0; i < n; i += RNN_LANES)
        rnn_store(y, i, n, rnn_sub(rnn_load(a, i, n), rnn_load(b, i, n)));
}

static inline void loop_relu(int16_t *y, const int16_t *x, int n)
{
    for (int i = 0; i < n; i += RNN_LANES)
        rnn_store(y, i, n, rnn_relu(rnn_load(x, i, n)));
}

#define MUL(shift)                                                                                 \
    case shift:                                                                                    \
        for (int i = 0; i < n; i += RNN_LANES)                                                     \
            rnn_store(y, i, n, rnn_mul(rnn_load(a, i, n), rnn_load(b, i, n), shift));              \
        return;

static inline void loop_mul(int16_t *y, const int16_t *a, const int16_t *b, int shift, int n)
{
    switch (shift) {
        EACH_MUL_SHIFT(MUL)
    }
}

#define RESCALE(shift)                                                                             \
    case shift:                                                                                    \
        for (int i = 0; i < n; i += RNN_LANES)                                                     \
            rnn_store_s8(y, i, n, rnn_rescale(rnn_load(x, i, n), shift));                          \
        return;

static inline void loop_rescale(int8_t *y, const int16_t *x, int shift, int n)
{
    switch (shift) {
        EACH_RESCALE_SHIFT(RESCALE)
    }
}

#define SIGMOID(fraction)                                                                          \
    case fraction:                                                                                 \
        for (int i = 0; i < n; i += RNN_LANES)                                                     \
            rnn_store(y, i, n, rnn_sigmoid(rnn_load(x, i, n), fraction));                          \
        return;

static inline void loop_sigmoid(int16_t *y, const int16_t *x, int fraction, int n)
{
    switch (fraction) {
        EACH_FRACTION(SIGMOID)
    }
}

#define TANH(fraction)                                                                             \
    case fraction:                                                                                 \
        for (int i = 0; i < n; i += RNN_LANES)                                                     \
            rnn_store(y, i, n, rnn_tanh(rnn_load(x, i, n), fraction));                             \
        return;

static inline void loop_tanh(int16_t *y, const int16_t *x, int fraction, int n)
{
    switch (fraction) {
        EACH_FRACTION(TANH)
    }
}

/* x, which holds int8 values, as an operand. */
static inline void loop_operand(rnn_operand *y, const int16_t *x, int n)
{
    for (int i = 0; i < n; i += RNN_LANES)
        rnn_store_operand(y, i, n, rnn_load(x, i, n));
}

#endif
