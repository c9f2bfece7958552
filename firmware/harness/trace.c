/* Shows every value of a step, for a model generated with a trace: one line `value NAME HEX` each.
 */
#include <stdint.h>
#include <stdio.h>

void rnn_trace_s8(const char *value, const int8_t *data, int32_t n);
void rnn_trace_s16(const char *value, const int16_t *data, int32_t n);

void rnn_trace_s8(const char *value, const int8_t *data, int32_t n)
{
    printf("value %s ", value);
    for (int32_t i = 0; i < n; i++)
        printf("%02x", (unsigned)data[i] & 0xFFu);
    putchar('\n');
}

void rnn_trace_s16(const char *value, const int16_t *data, int32_t n)
{
    printf("value %s ", value);
    for (int32_t i = 0; i < n; i++)
        printf("%04x", (unsigned)data[i] & 0xFFFFu);
    putchar('\n');
}
