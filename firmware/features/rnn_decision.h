/* From the scores of a network to detections: smoothed, compared with a threshold, with a rest
 * after each detection.
 *
 * C99, no heap, no float. rnn_edge/features/ defines the results bit for bit.
 */
#ifndef RNN_DECISION_H
#define RNN_DECISION_H

#include "rnn_core.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int classes;
    uint8_t smoothing;  /* 0 to 7: a smoothed score moves 2^-smoothing of the way each step */
    uint16_t threshold; /* 1 to 32767 */
    uint16_t rest;      /* steps after a detection without another */
    const RNN_FLASH uint8_t *wanted; /* 1 for each class that may be detected */
} rnn_decision;

/* One step. scores: 0 to 32767, as rnn_softmax_s16 gives them. smoothed (classes, at 2^-8) and
 * *wait are zero at the start. Returns the class that is detected, or -1. */
int rnn_decide(int32_t *smoothed, uint16_t *wait, const uint16_t *scores,
               const RNN_FLASH rnn_decision *config);

#ifdef __cplusplus
}
#endif

#endif
