/* What a step does with elements, RNN_LANES at once. TAILS: the lengths of numbers.h. */
#include "kernel_lines.h"
#include "lane_loops.h"
#include "numbers.h"

#include <string.h>

void lanes(void)
{
    loop_add(result, given, other, N);
    SHOW("add", 0, result, 2 * N);
    loop_sub(result, given, other, N);
    SHOW("sub", 0, result, 2 * N);
    loop_relu(result, given, N);
    SHOW("relu", 0, result, 2 * N);
    for (int shift = 1; shift <= 30; shift++) {
        loop_mul(result, given, other, shift, N);
        SHOW("mul", shift, result, 2 * N);
    }
    for (int shift = 1; shift <= 15; shift++) {
        loop_rescale(result8, given, shift, N);
        SHOW("rescale", shift, result8, N);
    }
    for (int fraction = 0; fraction <= 12; fraction++) {
        loop_sigmoid(result, given, fraction, N);
        SHOW("sigmoid", fraction, result, 2 * N);
        loop_tanh(result, given, fraction, N);
        SHOW("tanh", fraction, result, 2 * N);
    }
}

/* A loop over `n` elements, a constant: what is past the end is neither read nor written, not even
 * what the same function stored there right before. */
#define TAIL(n)                                                                                    \
    __attribute__((noinline)) static void tail_##n(void)                                           \
    {                                                                                              \
        const int16_t *x = at_end(given, 2 * n, 2);                                                \
        RNN_OPERAND(operand, n);                                                                   \
        begin_line();                                                                              \
        clear_results();                                                                           \
        for (int i = 0; i < n; i += RNN_LANES) {                                                   \
            const rnn_lanes h = rnn_load(x, i, n);                                                 \
            const rnn_lanes z = rnn_mul(rnn_sigmoid(h, 11), h, 15);                                \
            rnn_store(result + 1, i, n, rnn_sub(rnn_add(z, h), rnn_tanh(h, 11)));                  \
            rnn_store_s8(result8 + 1, i, n, rnn_rescale(h, 8));                                    \
            rnn_store_operand(operand, i, n, rnn_rescale(h, 9));                                   \
        }                                                                                          \
        add_bytes(result, sizeof result);                                                          \
        add_bytes(result8, sizeof result8);                                                        \
        rnn_narrow(result8, operand, n);                                                           \
        add_bytes(result8, sizeof result8);                                                        \
        int16_t copy[n + 1];                                                                       \
        int8_t copy8[n + 1];                                                                       \
        copy[n] = 9999;                                                                            \
        copy8[n] = 99;                                                                             \
        for (int i = 0; i < n; i += RNN_LANES) {                                                   \
            rnn_store(copy, i, n, rnn_load(x, i, n));                                              \
            rnn_store_s8(copy8, i, n, rnn_rescale(rnn_load(x, i, n), 8));                          \
        }                                                                                          \
        add_bytes(copy, sizeof copy);                                                              \
        add_bytes(copy8, sizeof copy8);                                                            \
        END("tail", n);                                                                            \
    }
#define CALL_TAIL(n) tail_##n();

TAILS(TAIL)

void tails(void)
{
    TAILS(CALL_TAIL)
}

#ifdef LARGE
typedef void one_input(int16_t *to, const int16_t *x, int parameter, int n);

static void for_every_input(one_input *loop, int parameter)
{
    begin_line();
    for (int32_t first = INT16_MIN; first <= INT16_MAX; first += N) {
        for (int i = 0; i < N; i++)
            given[i] = (int16_t)(first + i);
        loop(result, given, parameter, N);
        add_bytes(result, 2 * N);
    }
}

static void rescaled(int16_t *to, const int16_t *x, int shift, int n)
{
    loop_rescale(result8, x, shift, n);
    memcpy(to, result8, (size_t)n);
}

static void multiplied(int16_t *to, const int16_t *x, int shift, int n)
{
    loop_mul(to, x, other, shift, n);
}

void every_input(void)
{
    clear_results();
    for (int fraction = 0; fraction <= 12; fraction++) {
        for_every_input(loop_sigmoid, fraction);
        END("every_sigmoid", fraction);
        for_every_input(loop_tanh, fraction);
        END("every_tanh", fraction);
    }
    for (int shift = 1; shift <= 15; shift++) {
        for_every_input(rescaled, shift);
        END("every_rescale", shift);
    }
    for (int shift = 1; shift <= 30; shift++) {
        const int16_t odd = drawn() | 1; /* the products have every rest modulo 2^16 */
        for (int i = 0; i < N; i++)
            other[i] = odd;
        for_every_input(multiplied, shift);
        END("every_mul", shift);
    }
}
#endif
