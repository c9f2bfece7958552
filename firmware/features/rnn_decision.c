#include "rnn_decision.h"

typedef char rnn_shift_of_32_bits_is_arithmetic[(INT32_C(-3) >> 1) == -2 ? 1 : -1];

enum { FRACTION = 8 };

/* 0 <= smoothed < 2^23 at every step: it moves toward score * 2^8 and never past it. */
int rnn_decide(int32_t *smoothed, uint16_t *wait, const uint16_t *scores,
               const RNN_FLASH rnn_decision *config)
{
    int best = 0;
    for (int i = 0; i < config->classes; i++) {
        const int32_t score = (int32_t)scores[i] * (1 << FRACTION);
        smoothed[i] += (score - smoothed[i]) >> config->smoothing;
        if (smoothed[i] > smoothed[best])
            best = i;
    }
    if (*wait > 0) {
        *wait -= 1;
        return -1;
    }
    if (!config->wanted[best] || smoothed[best] < (int32_t)config->threshold * (1 << FRACTION))
        return -1;
    *wait = config->rest;
    return best;
}
