/* Log-mel features of audio: int16 samples in, octaves of power in each band at 2^-8 out.
 *
 * C99, no heap, no float, no state of its own. rnn_edge/features/ defines the results bit for bit;
 * the tables come from a generated <name>_features.h, which also has the functions to call.
 */
#ifndef RNN_LOG_MEL_H
#define RNN_LOG_MEL_H

#include "rnn_core.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int window; /* samples, even, 32 to fft */
    int fft;    /* a power of two, 64 to 1024 */
    int mels;
    int first; /* bin: the first that lies in a band, at least 1 */
    int floor; /* octaves, 0 to 16: every band has 2^floor of power besides its own */
    const RNN_FLASH int16_t *sine;   /* sin(2 pi i / fft) at 2^-14, i = 0 to fft / 4 */
    const RNN_FLASH uint16_t *hann;  /* sin(pi n / window)^2 at 2^-15, n = 0 to window / 2 */
    const RNN_FLASH uint8_t *weight; /* at 2^-8: how much of a bin is in the band that rises */
    const RNN_FLASH uint16_t *end;   /* bin behind each of the mels + 1 stretches between peaks;
                                        at most fft / 2 */
} rnn_log_mel;

/* One frame. y: mels; samples: window; scratch: fft. */
void rnn_log_mel_frame(int16_t *y, const int16_t *samples, int16_t *scratch,
                       const RNN_FLASH rnn_log_mel *config);

#ifdef __cplusplus
}
#endif

#endif
