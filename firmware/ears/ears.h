/* Ears of a device: one stream of samples through features, network and decision. */
#ifndef EARS_H
#define EARS_H

#include "ears_binding.h"

#include <stdint.h>

/* What one frame gave. */
typedef struct {
    uint16_t scores[EARS_CLASSES]; /* 0 to 32767 */
    int16_t detected;              /* class, or -1 */
} ears_frame;

/* Start a new stream. */
void ears_reset(void);

/* Take n samples, int16 as memory holds them, aligned or not; n <= EARS_HOP, so that they complete
 * one frame at most. Returns 1 with that frame, otherwise 0. */
int ears_hear(ears_frame *frame, const uint8_t *samples, uint16_t n);

#endif
