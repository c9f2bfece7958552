/* A window that slides over a stream: the newest samples in order, some of them kept for the next
 * window. For rnn_log_mel.h and rnn_statistics.h. */
#ifndef RNN_WINDOW_H
#define RNN_WINDOW_H

#include <stdint.h>

/* Takes samples until the window has `size` of them; returns how many it took, 0 to n. */
static inline int32_t rnn_window_push(int16_t *samples, int *filled, int size, const int16_t *x,
                                      int32_t n)
{
    const int32_t room = size - *filled;
    const int32_t taken = n < room ? n : room;
    for (int i = 0; i < (int)taken; i++)
        samples[*filled + i] = x[i];
    *filled += (int)taken;
    return taken;
}

/* Forgets the oldest `hop` samples of a full window, 1 <= hop <= size. */
static inline void rnn_window_slide(int16_t *samples, int *filled, int size, int hop)
{
    *filled = size - hop;
    for (int i = 0; i < *filled; i++)
        samples[i] = samples[hop + i];
}

#endif
