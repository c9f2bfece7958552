/* All that lies between a microphone and a detection. */
#ifndef LISTEN_H
#define LISTEN_H

#include "kws.h"

typedef struct {
    uint16_t scores[KWS_OUTPUTS];
    int16_t detected; /* a class or -1 */
} heard;

void listen_reset(void);

/* Takes a sample; returns 1 where it completes a frame and writes what is heard. */
int listen(int16_t sample, heard *result);

#endif
