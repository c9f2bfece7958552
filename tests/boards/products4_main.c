/* Products of weights of 4 bits, of products4.h: prints every result. */
#include "port.h"
#include "rnn_kernels.h"
#include "rnn_step.h"

#include <string.h>

/* With the sizes as constants, as a step has them, or with those in the fields of w. */
RNN_INLINE void folded_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear4 *w, int add)
{
    if (add)
        rnn_matvec4_add_s8(y, x, w);
    else
        rnn_matvec4_s8(y, x, w);
}

RNN_INLINE void folded_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear4 *w, int add)
{
    if (add)
        rnn_matvec4_add_s16(y, x, w);
    else
        rnn_matvec4_s16(y, x, w);
}

__attribute__((noinline)) static void any_s8(int16_t *y, const rnn_operand *x,
                                             const RNN_FLASH rnn_linear4 *w, int add)
{
    folded_s8(y, x, w, add);
}

__attribute__((noinline)) static void any_s16(int16_t *y, const int16_t *x,
                                              const RNN_FLASH rnn_linear4 *w, int add)
{
    folded_s16(y, x, w, add);
}

static void write_results(const int16_t *y, int n)
{
    for (int i = 0; i < n; i++)
        for (int shift = 12; shift >= 0; shift -= 4) {
            const uint8_t digit = (uint8_t)((uint16_t)y[i] >> shift & 15);
            port_write((uint8_t)(digit < 10 ? '0' + digit : 'a' + digit - 10));
        }
    port_write('\n');
}

/* Every vector is stored, then added to what was stored. An element before and one behind y stay.
 */
#define PRODUCT_S8(linear, multiply, x, rows, cols, count)                                         \
    static void run_##linear(void)                                                                 \
    {                                                                                              \
        for (int v = 0; v < count; v++) {                                                          \
            int8_t bytes[cols];                                                                    \
            for (int j = 0; j < cols; j++)                                                         \
                bytes[j] = x[v * cols + j];                                                        \
            int16_t y[rows + 2] = {0};                                                             \
            y[rows + 1] = 99;                                                                      \
            RNN_WIDENED(wide, cols);                                                               \
            const rnn_operand *const x8 = rnn_widen(wide, bytes, cols);                            \
            multiply##_s8(y + 1, x8, &linear, 0);                                                  \
            write_results(y, rows + 2);                                                            \
            multiply##_s8(y + 1, x8, &linear, 1);                                                  \
            write_results(y, rows + 2);                                                            \
        }                                                                                          \
    }
#define PRODUCT_S16(linear, multiply, x, rows, cols, count)                                        \
    static void run_##linear(void)                                                                 \
    {                                                                                              \
        for (int v = 0; v < count; v++) {                                                          \
            int16_t shifted[cols + 1];                                                             \
            int16_t *const x16 = shifted + v % 2;                                                  \
            for (int j = 0; j < cols; j++)                                                         \
                x16[j] = x[v * cols + j];                                                          \
            int16_t y[rows + 2] = {0};                                                             \
            y[rows + 1] = 99;                                                                      \
            multiply##_s16(y + 1, x16, &linear, 0);                                                \
            write_results(y, rows + 2);                                                            \
            multiply##_s16(y + 1, x16, &linear, 1);                                                \
            write_results(y, rows + 2);                                                            \
        }                                                                                          \
    }

#include "products4.h"

int main(void)
{
    port_init();
    static const char first[] = "begin\n", last[] = "end\n";
    for (const char *text = first; *text != '\0'; text++)
        port_write((uint8_t)*text);
    RUN_ALL
    for (const char *text = last; *text != '\0'; text++)
        port_write((uint8_t)*text);
    return 0;
}
