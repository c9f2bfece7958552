#include "rnn_statistics.h"

/* floor(sqrt(x)), x < 2^51. Bit by bit: root^2 <= x holds at every step. */
static uint32_t square_root(uint64_t x)
{
    uint32_t root = 0;
    for (uint32_t bit = UINT32_C(1) << 25; bit != 0; bit >>= 1) {
        const uint64_t next = root | bit;
        if (next * next <= x)
            root |= bit;
    }
    return root;
}

static int16_t at_most_32767(uint32_t x)
{
    return (int16_t)(x > INT16_MAX ? INT16_MAX : x);
}

/* |sum| <= n * 2^15, n <= 2^10: the origin makes it positive, 2 * 2^26 + n fits. */
static int16_t mean(int32_t sum, int n)
{
    const uint32_t from_lowest = (uint32_t)(sum + n * (INT32_C(1) << 15));
    return (int16_t)((int32_t)((2 * from_lowest + (uint32_t)n) / (2 * (uint32_t)n)) - 32768);
}

/* All statistics of one channel. Squares add up to 2^10 * 2^30; n times that is 2^50, and so is the
 * square of the sum. Differences are at most 2^16, their sum 2^26. */
static void channel_statistics(int16_t y[RNN_STATISTICS], const int16_t *x, int channels, int n)
{
    int16_t low = *x, high = *x, last = *x;
    int32_t sum = 0;
    uint32_t differences = 0;
    uint64_t squares = 0;
    for (int i = 0; i < n; i++, x += channels) {
        const int32_t difference = (int32_t)*x - last;
        last = *x;
        low = last < low ? last : low;
        high = last > high ? last : high;
        sum += last;
        squares += (uint32_t)((int32_t)last * last);
        differences += (uint32_t)(difference < 0 ? -difference : difference);
    }
    const uint32_t count = (uint32_t)n, steps = count - 1;
    const uint64_t spread = squares * count - (uint64_t)((int64_t)sum * sum);
    y[RNN_MEAN] = mean(sum, n);
    y[RNN_MINIMUM] = low;
    y[RNN_MAXIMUM] = high;
    y[RNN_RANGE] = at_most_32767((uint32_t)((int32_t)high - low));
    y[RNN_MEAN_DIFFERENCE] = at_most_32767((2 * differences + steps) / (2 * steps));
    y[RNN_DEVIATION] = at_most_32767((2 * square_root(spread) + count) / (2 * count));
}

void rnn_statistics_frame(int16_t *y, const int16_t *samples,
                          const RNN_FLASH rnn_statistics *config)
{
    for (int channel = 0; channel < config->channels; channel++) {
        int16_t all[RNN_STATISTICS];
        channel_statistics(all, samples + channel, config->channels, config->window);
        for (int i = 0; i < config->count; i++)
            y[i * config->channels + channel] = all[config->kind[i]];
    }
}

int rnn_decimate(int16_t *y, int32_t *sum, int *taken, const int16_t *x, int factor, int channels)
{
    *taken += 1;
    const int complete = *taken == factor;
    for (int i = 0; i < channels; i++) {
        sum[i] += x[i];
        if (complete) {
            y[i] = mean(sum[i], factor);
            sum[i] = 0;
        }
    }
    if (complete)
        *taken = 0;
    return complete;
}
