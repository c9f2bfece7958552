/* Statistics of windows and decimation of int16 sensor counts.
 *
 * C99, no heap, no float. rnn_edge/features/ defines the results bit for bit. Samples lie one after
 * the other, each with all its channels.
 */
#ifndef RNN_STATISTICS_H
#define RNN_STATISTICS_H

#include "rnn_core.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { /* in counts, rounded half up, at most 32767 */
       RNN_MEAN,
       RNN_MINIMUM,
       RNN_MAXIMUM,
       RNN_RANGE,           /* maximum - minimum */
       RNN_MEAN_DIFFERENCE, /* of |x[t] - x[t - 1]| */
       RNN_DEVIATION,       /* standard deviation of the population */
       RNN_STATISTICS       /* how many there are */
};

typedef struct {
    int channels;
    int window;                    /* samples, 2 to 1024 */
    int count;                     /* of statistics */
    const RNN_FLASH uint8_t *kind; /* of each */
} rnn_statistics;

/* One frame. y: count * channels, all channels of the first statistic first; samples: window *
 * channels, below 2^14. */
void rnn_statistics_frame(int16_t *y, const int16_t *samples,
                          const RNN_FLASH rnn_statistics *config);

/* Adds a sample (channels counts) to `sum`. Every `factor` (2 to 256) samples it returns 1, y has
 * their mean, rounded half up, and the sums start again; else it returns 0. At the start, sum
 * (channels) and *taken are zero. */
int rnn_decimate(int16_t *y, int32_t *sum, int *taken, const int16_t *x, int factor, int channels);

#ifdef __cplusplus
}
#endif

#endif
