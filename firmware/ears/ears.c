#include "ears.h"

#include "model_binding.h"

#include <string.h>

typedef char ears_features_are_the_inputs[EARS_FEATURES == MODEL_INPUTS ? 1 : -1];
typedef char ears_classes_are_the_outputs[EARS_CLASSES == MODEL_OUTPUTS ? 1 : -1];

enum { BLOCK = 32 }; /* samples that are aligned at once */

static ears_features_state features;
static model_state network;
static ears_decision_state decision;

void ears_reset(void)
{
    ears_features_reset(&features);
    model_reset(&network);
    ears_decision_reset(&decision);
}

static int frame_of(ears_frame *frame)
{
    int16_t bands[EARS_FEATURES];
    model_input x[MODEL_INPUTS];
    model_output y[MODEL_OUTPUTS];
    if (!ears_features_frame(&features, bands))
        return 0;
    ears_quantize_raw(x, bands);
    model_step(&network, x, y);
    ears_softmax(frame->scores, y);
    frame->detected = (int16_t)ears_decide(&decision, frame->scores);
    return 1;
}

/* Behind a frame the window has room for a hop: all samples of a block are taken, up to the frame
 * and behind it. */
int ears_hear(ears_frame *frame, const uint8_t *samples, uint16_t n)
{
    int complete = 0;
    while (n > 0) {
        int16_t block[BLOCK];
        const uint16_t size = (uint16_t)(n < BLOCK ? n : BLOCK);
        memcpy(block, samples, size * sizeof *block);
        const int32_t taken = ears_features_push(&features, block, size);
        complete |= frame_of(frame);
        (void)ears_features_push(&features, block + taken, size - taken);
        samples += size * sizeof *block;
        n = (uint16_t)(n - size);
    }
    return complete;
}
