/* The counters, and the function to which the counted step hands its values. */
#include "counters.h"

#include <stdbool.h>
#include <string.h>

/* The link carries the struct as memory holds it. */
#ifdef MODEL_TOKENS
enum { COUNTERS_BYTES = 4 * (1 + MODEL_WATCHED) };
#else
enum { COUNTERS_BYTES = 4 * (1 + MODEL_WATCHED + 3 * MODEL_INPUTS) };
#endif
typedef char model_counters_has_no_padding[sizeof(model_counters) == COUNTERS_BYTES ? 1 : -1];

model_counters counters;
static bool counting; /* the self-test takes steps too, and they do not count */

static void count(uint32_t *counter, bool happened)
{
    if (happened && *counter < UINT32_MAX)
        ++*counter;
}

void counters_clear(void)
{
    memset(&counters, 0, sizeof counters);
#ifndef MODEL_TOKENS
    for (uint16_t i = 0; i < MODEL_INPUTS; i++) {
        counters.low[i] = INT16_MAX;
        counters.high[i] = INT16_MIN;
    }
#endif
}

#ifndef MODEL_TOKENS
static void count_inputs(const model_input *x)
{
    enum { HIGHEST = (int)((1u << (MODEL_INPUT_BITS - 1)) - 1u), LOWEST = -HIGHEST - 1 };
    for (uint16_t i = 0; i < MODEL_INPUTS; i++) {
        if (x[i] < counters.low[i])
            counters.low[i] = x[i];
        if (x[i] > counters.high[i])
            counters.high[i] = x[i];
        count(&counters.saturated_inputs[i], x[i] == LOWEST || x[i] == HIGHEST);
        count(&counters.outside[i], x[i] < model_calibrated[i][0] || x[i] > model_calibrated[i][1]);
    }
}
#endif

void counters_begin(const model_input *x, uint16_t steps)
{
    counting = true;
    for (; steps > 0; steps--) {
        count(&counters.steps, true);
#ifndef MODEL_TOKENS
        count_inputs(x);
        x += MODEL_INPUTS;
#endif
    }
#ifdef MODEL_TOKENS
    (void)x;
#endif
}

void counters_end(void)
{
    counting = false;
}

void rnn_count(int watched, const int16_t *data, int32_t n)
{
    if (!counting)
        return;
    for (int32_t i = 0; i < n; i++)
        count(&counters.saturated[watched], data[i] == INT16_MIN || data[i] == INT16_MAX);
}
