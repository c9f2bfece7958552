#include "rnn_kernels.h"

/* `>>` of a negative integer is implementation-defined in C99. Every kernel here needs the
 * arithmetic shift (floor); a compiler that does otherwise stops at these lines. */
typedef char rnn_shift_of_32_bits_is_arithmetic[(INT32_C(-3) >> 1) == -2 ? 1 : -1];
typedef char rnn_shift_of_64_bits_is_arithmetic[(INT64_C(-3) >> 1) == -2 ? 1 : -1];

/* ---- Matrix-vector product ------------------------------------------------------------------ */

/* |acc| < 2^31, 0 < r < 2^15, 1 <= t <= 46.
 * |acc * r| < 2^46 and the rounding term is at most 2^45: their sum is below 2^47. */
static int16_t requantize(int32_t acc, int16_t r, uint8_t t)
{
    const int64_t y = ((int64_t)acc * r + (INT64_C(1) << (t - 1))) >> t;
    return (int16_t)(y > INT16_MAX ? INT16_MAX : y < INT16_MIN ? INT16_MIN : y);
}

/* sum(|W| * 2^7) + |b| < 2^31 for each row: every partial sum of acc fits, in any order. */
void rnn_matvec64_s8(int16_t *y, const rnn_operand *x, const RNN_FLASH rnn_linear64 *w)
{
    const RNN_FLASH int8_t *row = w->weight;
    for (int32_t i = 0; i < w->rows; i++) {
        int32_t acc = w->bias[i];
        for (int32_t j = 0; j < w->cols; j++)
            acc += (int32_t)row[j] * (x[j] - RNN_ORIGIN); /* |product| <= 127 * 2^7 < 2^14 */
        y[i] = requantize(acc, w->multiplier[i], w->shift[i]);
        row += w->cols;
    }
}

/* sum(|W| * 2^15) + |b| < 2^31 for each row: every partial sum of acc fits, in any order. */
void rnn_matvec64_s16(int16_t *y, const int16_t *x, const RNN_FLASH rnn_linear64 *w)
{
    const RNN_FLASH int8_t *row = w->weight;
    for (int32_t i = 0; i < w->rows; i++) {
        int32_t acc = w->bias[i];
        for (int32_t j = 0; j < w->cols; j++)
            acc += (int32_t)row[j] * x[j]; /* |product| <= 127 * 2^15 < 2^22 */
        y[i] = requantize(acc, w->multiplier[i], w->shift[i]);
        row += w->cols;
    }
}

/* ---- Embedding ------------------------------------------------------------------------------ */

/* token * n: a program has less than 2^26 bytes. No memcpy: it cannot read the flash of an AVR. */
void rnn_gather_operand(rnn_operand *y, const RNN_FLASH int8_t *table, int32_t token, int32_t n)
{
    const RNN_FLASH int8_t *row = table + token * n;
    for (int32_t i = 0; i < n; i++)
        y[i] = (rnn_operand)(row[i] + RNN_ORIGIN);
}

void rnn_gather_s8(int8_t *y, const RNN_FLASH int8_t *table, int32_t token, int32_t n)
{
    const RNN_FLASH int8_t *row = table + token * n;
    for (int32_t i = 0; i < n; i++)
        y[i] = row[i];
}

/* Element i of a row with two in a byte. */
static int8_t element4(const RNN_FLASH uint8_t *row, int32_t i)
{
    const uint8_t pair = row[i / 2];
    return (int8_t)(uint8_t)(i % 2 != 0 ? pair & 0xF0 : pair << 4);
}

void rnn_gather4_operand(rnn_operand *y, const RNN_FLASH uint8_t *table, int32_t token, int32_t n)
{
    const RNN_FLASH uint8_t *row = table + token * ((n + 1) / 2);
    for (int32_t i = 0; i < n; i++)
        y[i] = (rnn_operand)(element4(row, i) + RNN_ORIGIN);
}

void rnn_gather4_s8(int8_t *y, const RNN_FLASH uint8_t *table, int32_t token, int32_t n)
{
    const RNN_FLASH uint8_t *row = table + token * ((n + 1) / 2);
    for (int32_t i = 0; i < n; i++)
        y[i] = element4(row, i);
}

void rnn_widen_s16(int16_t *y, const int8_t *x, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        y[i] = x[i];
}

void rnn_narrow(int8_t *y, const rnn_operand *x, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        y[i] = (int8_t)(x[i] - RNN_ORIGIN);
}

/* ---- Sigmoid and tanh ----------------------------------------------------------------------- */

const RNN_FLASH uint16_t rnn_sigmoid_table[256] = {
    32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149, 40794,
    41432, 42064, 42688, 43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369, 47911, 48443,
    48964, 49475, 49975, 50464, 50942, 51409, 51865, 52311, 52745, 53169, 53581, 53983, 54374,
    54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433, 57724, 58007, 58280, 58544,
    58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370, 60565, 60753, 60935, 61110, 61279,
    61441, 61599, 61750, 61896, 62036, 62172, 62302, 62428, 62549, 62666, 62778, 62886, 62990,
    63090, 63186, 63279, 63368, 63454, 63536, 63615, 63691, 63765, 63835, 63903, 63968, 64030,
    64090, 64148, 64204, 64257, 64308, 64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652,
    64687, 64721, 64754, 64786, 64816, 64845, 64873, 64900, 64926, 64950, 64974, 64997, 65019,
    65039, 65060, 65079, 65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234,
    65246, 65258, 65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360,
    65367, 65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433,
    65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474, 65476,
    65479, 65481, 65483, 65485, 65488, 65489, 65491, 65493, 65495, 65497, 65498, 65500, 65501,
    65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513, 65514, 65515, 65516,
    65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522, 65523, 65523, 65524, 65524,
    65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528, 65528, 65528, 65529, 65529, 65529,
    65529, 65530, 65530, 65530, 65530, 65531, 65531, 65531, 65531, 65531, 65532, 65532, 65532,
    65532, 65532, 65532, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65534, 65534,
    65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65535,
};

/* ---- Softmax, argmax ------------------------------------------------------------------------ */

/* 2^(-i / 32) in units of 2^-15. It always falls. */
static const RNN_FLASH uint16_t EXP2[33] = {
    32768, 32066, 31379, 30706, 30048, 29405, 28774, 28158, 27554, 26964, 26386,
    25821, 25268, 24726, 24196, 23678, 23170, 22674, 22188, 21713, 21247, 20792,
    20347, 19911, 19484, 19066, 18658, 18258, 17867, 17484, 17109, 16743, 16384,
};

/* 2^-d in units of 2^-15, d = distance * multiplier * 2^-26, distance < 2^16, multiplier < 2^31.
 * The product is below 2^47, octaves below 2^31; EXP2 * 32 is at most 2^20. */
static uint16_t power_of_half(int32_t distance, int32_t multiplier)
{
    const int32_t octaves = (int32_t)(((int64_t)distance * multiplier) >> 16); /* 2^-10 each */
    const int32_t index = (octaves >> 5) & 31;
    const int32_t high = EXP2[index];
    const int32_t low = EXP2[index + 1];
    const int32_t power = (high * 32 - (high - low) * (octaves & 31)) >> 5;
    return (uint16_t)(octaves >> 10 > 15 ? 0 : power >> (octaves >> 10));
}

/* n powers of at most 2^15 each, n <= 2^16: sum <= 2^31, power * 32767 < 2^30. The largest logit
 * has power 2^15, so that sum is never zero. */
static void normalize(uint16_t *p, uint32_t sum, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        p[i] = (uint16_t)((uint32_t)p[i] * 32767u / sum);
}

void rnn_softmax_s16(uint16_t *p, const int16_t *logits, int32_t multiplier, int32_t n)
{
    const int32_t largest = logits[rnn_argmax_s16(logits, n)];
    uint32_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        p[i] = power_of_half(largest - logits[i], multiplier);
        sum += p[i];
    }
    normalize(p, sum, n);
}

void rnn_softmax_s8(uint16_t *p, const int8_t *logits, int32_t multiplier, int32_t n)
{
    const int32_t largest = logits[rnn_argmax_s8(logits, n)];
    uint32_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        p[i] = power_of_half(largest - logits[i], multiplier);
        sum += p[i];
    }
    normalize(p, sum, n);
}

int32_t rnn_argmax_s16(const int16_t *x, int32_t n)
{
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

int32_t rnn_argmax_s8(const int8_t *x, int32_t n)
{
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* ---- Input ---------------------------------------------------------------------------------- */

/* -2^15 <= low < high < 2^15: the conversion to int32_t fits, and `rest` is exact. */
static int32_t quantize_f32(float x, const RNN_FLASH rnn_float_channel *channel, int32_t low,
                            int32_t high)
{
    /* volatile: a compiler that fuses product and sum rounds once and may reach another integer. */
    volatile float product = x * channel->gain;
    const float v = product + channel->offset;
    if (!(v > (float)low)) /* catches NaN */
        return low;
    if (v >= (float)high)
        return high;
    const int32_t whole = (int32_t)v; /* toward zero */
    const float rest = v - (float)whole;
    return rest >= 0.5f ? whole + 1 : rest < -0.5f ? whole - 1 : whole;
}

void rnn_quantize_f32_s8(int8_t *q, const float *x, const RNN_FLASH rnn_float_channel *channel,
                         int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        q[i] = (int8_t)quantize_f32(x[i], &channel[i], INT8_MIN, INT8_MAX);
}

void rnn_quantize_f32_s16(int16_t *q, const float *x, const RNN_FLASH rnn_float_channel *channel,
                          int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        q[i] = (int16_t)quantize_f32(x[i], &channel[i], INT16_MIN, INT16_MAX);
}

/* |raw * gain| < 2^46 and |offset| < 2^61: their sum is below 2^62. */
static int64_t quantize_raw(int16_t raw, const RNN_FLASH rnn_raw_channel *channel)
{
    return ((int64_t)raw * channel->gain + channel->offset) >> channel->shift;
}

void rnn_quantize_s16_s8(int8_t *q, const int16_t *raw, const RNN_FLASH rnn_raw_channel *channel,
                         int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        const int64_t v = quantize_raw(raw[i], &channel[i]);
        q[i] = (int8_t)(v > INT8_MAX ? INT8_MAX : v < INT8_MIN ? INT8_MIN : v);
    }
}

void rnn_quantize_s16_s16(int16_t *q, const int16_t *raw, const RNN_FLASH rnn_raw_channel *channel,
                          int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        const int64_t v = quantize_raw(raw[i], &channel[i]);
        q[i] = (int16_t)(v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v);
    }
}

/* ---- CRC ------------------------------------------------------------------------------------ */

/* The register after four bits i, from zero: polynomial 0xEDB88320, lowest bit first. */
static const RNN_FLASH uint32_t CRC32[16] = {
    0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
    0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
};

uint32_t rnn_crc32_register(uint32_t reg, uint8_t byte)
{
    reg ^= byte;
    reg = reg >> 4 ^ CRC32[reg & 15];
    return reg >> 4 ^ CRC32[reg & 15];
}

/* volatile: what is in memory counts, not what a compiler that sees the tables knows of them. */
uint32_t rnn_crc32(uint32_t crc, const RNN_FLASH void *data, uint32_t n)
{
    const volatile RNN_FLASH uint8_t *byte = data;
    uint32_t reg = ~crc;
    for (; n > 0; n--)
        reg = rnn_crc32_register(reg, *byte++);
    return ~reg;
}
