/* Plays streams through the generated features and decision `model` for tests.
 *
 * features n p -: the frames of a stream of n samples that comes in pieces of p.
 * decision n - -: the detection of each of n steps.
 * decimation n p q: the means of n samples by p, of q channels. */
#include "model_decision.h"
#include "model_features.h"
#include "requests.h"
#include "rnn_statistics.h"

#include <string.h>

static void features(int n, int piece)
{
    model_features_state *state = MAKE(model_features_state, 1);
    const int16_t *x = READ(int16_t, n);
    int16_t *y = MAKE(int16_t, MODEL_FEATURES);
    model_features_reset(state);
    for (int start = 0; start < n; start += piece) {
        const int32_t end = n - start < piece ? n : start + piece;
        for (int32_t i = start; i < end;) {
            i += model_features_push(state, x + i, end - i);
            if (model_features_frame(state, y))
                GIVE(y, MODEL_FEATURES);
        }
    }
}

static void decision(int steps)
{
    model_decision_state *state = MAKE(model_decision_state, 1);
    const uint16_t *scores = READ(uint16_t, steps *MODEL_DECISION_CLASSES);
    model_decision_reset(state);
    for (int i = 0; i < steps; i++, scores += MODEL_DECISION_CLASSES) {
        const int16_t found = (int16_t)model_decide(state, scores);
        GIVE(&found, 1);
    }
}

static void decimation(int samples, int factor, int channels)
{
    const int16_t *x = READ(int16_t, samples *channels);
    int32_t *sum = MAKE(int32_t, channels);
    int16_t *y = MAKE(int16_t, channels);
    int taken = 0;
    memset(sum, 0, (size_t)channels * sizeof *sum);
    for (int i = 0; i < samples; i++, x += channels)
        if (rnn_decimate(y, sum, &taken, x, factor, channels))
            GIVE(y, channels);
}

static void call(const char *kernel, int n, int p, int q)
{
    if (strcmp(kernel, "features") == 0)
        features(n, p);
    else if (strcmp(kernel, "decision") == 0)
        decision(n);
    else if (strcmp(kernel, "decimation") == 0)
        decimation(n, p, q);
    else
        exit(4);
}

int main(void)
{
    return answer(call);
}
