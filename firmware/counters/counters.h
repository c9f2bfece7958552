/* Counts what saturates, for firmware that is built to count. What the words mean and how the link
 * carries the counters: docs/link_protocol.md. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include "model_binding.h"
#include "model_counters.h"

#include <stdint.h>

/* As the link carries them. A counter stays at its largest value. */
typedef struct {
    uint32_t steps;
    uint32_t saturated[MODEL_WATCHED];
#ifndef MODEL_TOKENS
    uint32_t saturated_inputs[MODEL_INPUTS];
    uint32_t outside[MODEL_INPUTS];
    int16_t low[MODEL_INPUTS];
    int16_t high[MODEL_INPUTS];
#endif
} model_counters;

extern model_counters counters;

/* Begin anew. */
void counters_clear(void);

/* From here on the steps are counted, `steps` of them on these inputs, until counters_end(). */
void counters_begin(const model_input *x, uint16_t steps);
void counters_end(void);

#endif
