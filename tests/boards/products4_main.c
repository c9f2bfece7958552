/* Products of weights of 4 bits, of products4.h: prints every result. */
#include "port.h"
#include "rnn_kernels.h"
#include "rnn_step.h"

#include <string.h>

#ifdef __AVR__
#define HIDDEN(w) (w)
#else
/* The sizes are no constants to the compiler. */
static const rnn_linear4 *hidden(const rnn_linear4 *w)
{
    __asm__("" : "+r"(w));
    return w;
}
#define HIDDEN(w) hidden(w)
#endif

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
#define PRODUCT_S8(linear, w, x, rows, cols, count)                                                \
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
            rnn_matvec4_s8(y + 1, x8, w);                                                          \
            write_results(y, rows + 2);                                                            \
            rnn_matvec4_add_s8(y + 1, x8, w);                                                      \
            write_results(y, rows + 2);                                                            \
        }                                                                                          \
    }
#define PRODUCT_S16(linear, w, x, rows, cols, count)                                               \
    static void run_##linear(void)                                                                 \
    {                                                                                              \
        for (int v = 0; v < count; v++) {                                                          \
            int16_t shifted[cols + 1];                                                             \
            int16_t *const x16 = shifted + v % 2;                                                  \
            for (int j = 0; j < cols; j++)                                                         \
                x16[j] = x[v * cols + j];                                                          \
            int16_t y[rows + 2] = {0};                                                             \
            y[rows + 1] = 99;                                                                      \
            rnn_matvec4_s16(y + 1, x16, w);                                                        \
            write_results(y, rows + 2);                                                            \
            rnn_matvec4_add_s16(y + 1, x16, w);                                                    \
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
