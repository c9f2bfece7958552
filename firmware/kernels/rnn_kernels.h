/* Integer kernels of rnn_edge that are the same on every core: what comes before and after a step,
 * and what is too rare in it to be fast. Those of the step are in rnn_step.h.
 *
 * C99, no heap, no state, no float but in rnn_quantize_f32_*. The results are defined bit for bit;
 * every kernel computes the same integers on every core.
 *
 * Names end in the types of input and output. Out-parameters come first, lengths last. Arrays hold
 * `n` elements, n >= 1, and must not overlap. Preconditions are proven when a program is exported
 * and are not tested at run time.
 */
#ifndef RNN_KERNELS_H
#define RNN_KERNELS_H

#include "rnn_core.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A matrix-vector product whose requantization needs 64 bits, one a row:
 * y = sat16(((W x + b) * r + 2^(t - 1)) >> t), rounded half up. */
typedef struct {
    int32_t rows;
    int32_t cols;
    const RNN_FLASH int8_t *weight;      /* W, row after row, each -127 to 127 */
    const RNN_FLASH int32_t *bias;       /* b */
    const RNN_FLASH int16_t *multiplier; /* r, 2^14 to 2^15 - 1 */
    const RNN_FLASH uint8_t *shift;      /* t, 1 to 46 */
} rnn_linear64;

/* One input channel: q = round(x * gain + offset). */
typedef struct {
    float gain;
    float offset;
} rnn_float_channel;

/* One input channel: q = (raw * gain + offset) >> shift, the rounding half inside the offset. */
typedef struct {
    int64_t offset; /* |offset| < 2^61 */
    int32_t gain;   /* 0 to 2^31 - 1 */
    uint8_t shift;  /* 0 to 40 */
} rnn_raw_channel;

/* Sigmoid at i / 24 in units of 2^-16, moved by half of the error that linear interpolation makes
 * in the middle of each interval. It never falls. */
extern const RNN_FLASH uint16_t rnn_sigmoid_table[256];

/* y = requantize(W x + b). sum(|W| * |x|) + |b| < 2^31 for every row and every possible x. */
void rnn_matvec64_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear64 *w);
void rnn_matvec64_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear64 *w);

/* y = table[token], rows of n. 0 <= token < rows of the table. */
void rnn_gather_operand(rnn_operand *y, const RNN_FLASH int8_t *table, int32_t token, int32_t n);
void rnn_gather_s8(int8_t *y, const RNN_FLASH int8_t *table, int32_t token, int32_t n);

/* The same, of a table with two elements in a byte, the first in the lower half: the upper four
 * bits of an int8 whose others are 0. A row begins with a byte. */
void rnn_gather4_operand(rnn_operand *y, const RNN_FLASH uint8_t *table, int32_t token, int32_t n);
void rnn_gather4_s8(int8_t *y, const RNN_FLASH uint8_t *table, int32_t token, int32_t n);

/* y = x */
void rnn_widen_s16(int16_t *y, const int8_t *x, int32_t n);

/* y = x, which holds int8 values. */
void rnn_narrow(int8_t *y, const rnn_operand *x, int32_t n);

/* Probabilities in units of 2^-15, 0 to 32767. multiplier: 1 to 2^31 - 1, the scale of the logits
 * in octaves, times 2^26. n <= 65536. */
void rnn_softmax_s16(uint16_t *p, const int16_t *logits, int32_t multiplier, int32_t n);
void rnn_softmax_s8(uint16_t *p, const int8_t *logits, int32_t multiplier, int32_t n);

/* Index of the largest element, the first of equals. */
int32_t rnn_argmax_s16(const int16_t *x, int32_t n);
int32_t rnn_argmax_s8(const int8_t *x, int32_t n);

/* Physical values to input integers: round(x * gain + offset), half up, clipped; the product is
 * rounded to float before the sum. NaN becomes the lowest integer. */
void rnn_quantize_f32_s8(int8_t *q, const float *x, const RNN_FLASH rnn_float_channel *channel,
                         int32_t n);
void rnn_quantize_f32_s16(int16_t *q, const float *x, const RNN_FLASH rnn_float_channel *channel,
                          int32_t n);

/* Raw sensor counts to input integers, without float: (raw * gain + offset) >> shift, clipped. */
void rnn_quantize_s16_s8(int8_t *q, const int16_t *raw, const RNN_FLASH rnn_raw_channel *channel,
                         int32_t n);
void rnn_quantize_s16_s16(int16_t *q, const int16_t *raw, const RNN_FLASH rnn_raw_channel *channel,
                          int32_t n);

/* CRC-32 (IEEE 802.3, as in zlib): start with crc 0, or with that of the bytes before. */
uint32_t rnn_crc32(uint32_t crc, const RNN_FLASH void *data, uint32_t n);

/* One byte further, for bytes that are not in flash; the register is the CRC, all bits turned. */
uint32_t rnn_crc32_register(uint32_t reg, uint8_t byte);

#ifdef __cplusplus
}
#endif

#endif
