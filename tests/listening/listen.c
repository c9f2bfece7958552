#include "listen.h"

#include "kws_decision.h"
#include "kws_features.h"

static kws_features_state features;
static kws_state network;
static kws_decision_state decision;

void listen_reset(void)
{
    kws_features_reset(&features);
    kws_reset(&network);
    kws_decision_reset(&decision);
}

int listen(int16_t sample, heard *result)
{
    int16_t bands[KWS_FEATURES];
    int8_t x[KWS_INPUTS];
    int16_t y[KWS_OUTPUTS];
    kws_features_push(&features, &sample, 1);
    if (!kws_features_frame(&features, bands))
        return 0;
    kws_quantize_raw(x, bands);
    kws_step(&network, x, y);
    kws_softmax(result->scores, y);
    result->detected = (int16_t)kws_decide(&decision, result->scores);
    return 1;
}
