#include "rnn_log_mel.h"

#if defined(RNN_DSP) || defined(RNN_MVE)
#define PAIRS /* two products of 16 bits at once */
#include <arm_acle.h>
#endif

typedef char rnn_shift_of_32_bits_is_arithmetic[(INT32_C(-3) >> 1) == -2 ? 1 : -1];

enum {
    LOUDEST_GAIN = 8, /* of a quiet frame, bits: more is noise of the converter */
    FEWEST_BITS = 7,  /* that a spectrum counts as having */
    SINE_BITS = 14,
    WEIGHT_BITS = 8,
    FRACTION = 8 /* of the result */
};

/* ---- Block floating point ------------------------------------------------------------------- */

/* The `or` of these over a block has as many bits as the widest of its values without the sign. */
static inline int32_t folded(int32_t x)
{
    return x ^ (x >> 31);
}

/* Fewest bits b with x < 2^b, x < 2^16. */
static int bit_length(int32_t x)
{
    int bits = 0;
    for (; x != 0; x >>= 1)
        bits++;
    return bits;
}

/* A constant that rounds half up when it is added before a shift. */
static int32_t half_of(int shift)
{
    return (INT32_C(1) << shift) >> 1;
}

typedef struct {
    int32_t re;
    int32_t im;
} complex32;

static inline complex32 plus(complex32 a, complex32 b)
{
    const complex32 y = {a.re + b.re, a.im + b.im};
    return y;
}

static inline complex32 minus(complex32 a, complex32 b)
{
    const complex32 y = {a.re - b.re, a.im - b.im};
    return y;
}

/* i z */
static inline complex32 quarter_turn(complex32 z)
{
    const complex32 y = {-z.im, z.re};
    return y;
}

/* Stores x * 2^-shift; returns what of it counts as seen. */
static inline int32_t put(int16_t *z, complex32 x, int shift)
{
    const int32_t re = x.re >> shift, im = x.im >> shift;
    z[0] = (int16_t)re;
    z[1] = (int16_t)im;
    return folded(re) | folded(im);
}

/* ---- Window --------------------------------------------------------------------------------- */

/* The next number in the order of reversed bits below `half` * 2. */
static inline int next_reversed(int i, int half)
{
    for (; i & half; half >>= 1)
        i ^= half;
    return i | half;
}

typedef struct {
    int16_t *z;
    int place; /* of the next complex number */
    int half;  /* of their number */
    int gain;
    int32_t seen;
} window_output;

/* Samples at full scale (|x| <= 2^15), windowed (<= 2^14, the product <= 2^30). `step` is 1 where
 * the window rises, -1 where it falls. */
static void put_windowed(window_output *to, const int16_t *x, const int16_t *end,
                         const RNN_FLASH uint16_t *hann, int step)
{
    int32_t seen = to->seen;
    int place = to->place;
    for (; x < end; x += 2) {
        const int32_t even = ((int32_t)*hann << to->gain) * x[0] + (INT32_C(1) << 15);
        hann += step;
        const int32_t odd = ((int32_t)*hann << to->gain) * x[1] + (INT32_C(1) << 15);
        hann += step;
        const complex32 both = {even, odd};
        seen |= put(to->z + 2 * place, both, 16);
        place = next_reversed(place, to->half);
    }
    to->seen = seen;
    to->place = place;
}

/* The samples at full scale, windowed, as complex numbers in the order of reversed bits. Returns
 * the bits of the block; *exponent is what the frame was divided by, in octaves: 1 - gain. */
static int windowed(int16_t *z, const int16_t *samples, int *exponent,
                    const RNN_FLASH rnn_log_mel *config)
{
    const int window = config->window;
    const int middle = (window / 2 + 1) / 2 * 2; /* hann[n] = hann[window - n] */
    int32_t seen = 0;
    for (int i = 0; i < window; i += 2)
        seen |= folded(samples[i]) | folded(samples[i + 1]);
    const int headroom = 15 - bit_length(seen);
    window_output to = {z, 0, config->fft / 4, 0, 0};
    to.gain = headroom < LOUDEST_GAIN ? headroom : LOUDEST_GAIN;
    put_windowed(&to, samples, samples + middle, config->hann, 1);
    put_windowed(&to, samples + middle, samples + window, config->hann + window - middle, -1);
    for (int i = window; i < config->fft; i += 2) {
        z[2 * to.place] = z[2 * to.place + 1] = 0;
        to.place = next_reversed(to.place, to.half);
    }
    *exponent = 1 - to.gain;
    return bit_length(to.seen);
}

/* ---- Transform ------------------------------------------------------------------------------ */

#ifdef PAIRS

typedef int16x2_t turn; /* cosine below, sine above */
typedef int16x2_t __attribute__((may_alias, aligned(1))) pair;

static inline turn make_turn(int32_t cosine, int32_t sine)
{
    return (turn)((uint32_t)sine << 16 | (uint16_t)cosine);
}

/* z / w at 2^-14. No sum overflows: |w| <= 2^14. */
static inline complex32 turned(const int16_t *z, turn w)
{
    const int16x2_t x = *(const pair *)z;
    const complex32 y = {__smuad(x, w), __smusdx(w, x)};
    return y;
}

#else

typedef complex32 turn;

static inline turn make_turn(int32_t cosine, int32_t sine)
{
    const turn w = {cosine, sine};
    return w;
}

/* z / w at 2^-14. */
static inline complex32 turned(const int16_t *z, turn w)
{
    const complex32 y = {z[0] * w.re + z[1] * w.im, z[1] * w.re - z[0] * w.im};
    return y;
}

#endif

/* exp(2 pi i k / (4 quarter)) at 2^-14, 0 <= k < 3 quarter, of a table of sines. */
static inline turn turn_of(const RNN_FLASH int16_t *sine, int quarter, int k)
{
    if (k <= quarter)
        return make_turn(sine[quarter - k], sine[k]);
    if (k <= 2 * quarter)
        return make_turn(-sine[k - quarter], sine[2 * quarter - k]);
    return make_turn(-sine[3 * quarter - k], -sine[k - 2 * quarter]);
}

/* The first stage where the number of points is no power of four: |x| <= 2^14, two of them fit.
 * Returns the bits of the result. */
static int radix_2(int16_t *z, int points, int shift)
{
    const int32_t half = half_of(shift);
    const int16_t *const end = z + 2 * points;
    int32_t seen = 0;
    for (; z < end; z += 4) {
        const complex32 a = {z[0] + half, z[1] + half}, b = {z[2], z[3]};
        seen |= put(z, plus(a, b), shift);
        seen |= put(z + 2, minus(a, b), shift);
    }
    return bit_length(seen);
}

/* Four numbers `apart` int16_t from each other, of which three are turned; the first has the half
 * that rounds. Bits are reversed: the second is that of the samples 2, 6, 10 ... */
static inline int32_t butterfly(int16_t *z, int apart, complex32 a, complex32 b, complex32 c,
                                complex32 d, int shift)
{
    const complex32 p = plus(a, b), q = minus(a, b), r = plus(c, d), s = quarter_turn(minus(c, d));
    int32_t seen = put(z, plus(p, r), shift);
    seen |= put(z + apart, minus(q, s), shift);
    seen |= put(z + 2 * apart, minus(p, r), shift);
    return seen | put(z + 3 * apart, plus(q, s), shift);
}

/* The first stage where it is one of four points: |x| <= 2^14, four of them fit. */
static int first_radix_4(int16_t *z, int points, int shift)
{
    const int32_t half = half_of(shift);
    const int16_t *const end = z + 2 * points;
    int32_t seen = 0;
    for (; z < end; z += 8) {
        const complex32 a = {z[0] + half, z[1] + half};
        const complex32 b = {z[2], z[3]}, c = {z[4], z[5]}, d = {z[6], z[7]};
        seen |= butterfly(z, 2, a, b, c, d, shift);
    }
    return bit_length(seen);
}

/* Transforms of `size` points become transforms of four times as many. Returns the bits.
 *
 * Four components add up to at most 1 + 3 sqrt(2) times the largest. With b bits and a shift of
 * max(b - 12, 0) no result passes 2^12 * 5.243 + 1 < 21477, and of inputs below that no sum passes
 * 21477 * 5.243 * 2^14 < 1.85 * 10^9. */
static int radix_4(int16_t *z, int size, int shift, const RNN_FLASH rnn_log_mel *config)
{
    const RNN_FLASH int16_t *const sine = config->sine;
    const int quarter = config->fft / 4;
    const int step = quarter / size;
    const int bits = shift + SINE_BITS;
    const int32_t half = half_of(bits);
    const int16_t *const end = z + config->fft;
    int32_t seen = 0;
    for (int k = 0; k < quarter; k += step, z += 2) {
        const turn w1 = turn_of(sine, quarter, k), w2 = turn_of(sine, quarter, 2 * k);
        const turn w3 = turn_of(sine, quarter, 3 * k);
        for (int16_t *y = z; y < end; y += 8 * size) {
            const complex32 a = {y[0] * (INT32_C(1) << SINE_BITS) + half,
                                 y[1] * (INT32_C(1) << SINE_BITS) + half};
            const complex32 b = turned(y + 2 * size, w2), c = turned(y + 4 * size, w1);
            const complex32 d = turned(y + 6 * size, w3);
            seen |= butterfly(y, 2 * size, a, b, c, d, bits);
        }
    }
    return bit_length(seen);
}

/* In place; returns the bits of the result and adds its shifts to *exponent. */
static int transform(int16_t *z, int bits, int *exponent, const RNN_FLASH rnn_log_mel *config)
{
    const int points = config->fft / 2;
    const int is_power_of_4 = (points & 0x5555) != 0;
    const int first = is_power_of_4 ? 12 : 13;
    int shift = bits > first ? bits - first : 0;
    bits = is_power_of_4 ? first_radix_4(z, points, shift) : radix_2(z, points, shift);
    *exponent += shift;
    for (int size = is_power_of_4 ? 4 : 2; size < points; size *= 4) {
        shift = bits > 12 ? bits - 12 : 0;
        *exponent += shift;
        bits = radix_4(z, size, shift, config);
    }
    return bits;
}

/* ---- Bands ---------------------------------------------------------------------------------- */

/* |X[k]|^2 of the real transform out of the complex one of half as many points, 0 < k < fft / 2:
 * 2 X[k] = (Z[k] + conj Z[-k]) - i exp(-2 pi i k / fft) (Z[k] - conj Z[-k]); a is Z[k], b is Z[-k].
 *
 * |Z| <= min(2^b, 21477): the sums are below 2.4143 * 2 * 21477 * 2^14 < 1.7 * 10^9. With a shift
 * of b + 1 both components are below 39557, a square below 2^31, two of them below 2^32. */
static inline uint32_t power(const int16_t *a, const int16_t *b, int32_t cosine, int32_t sine,
                             int shift)
{
    const int32_t half = half_of(shift);
    const int32_t odd_re = (int32_t)a[0] - b[0], odd_im = (int32_t)a[1] + b[1];
    const int32_t even_re = ((int32_t)a[0] + b[0]) * (INT32_C(1) << SINE_BITS) + half;
    const int32_t even_im = ((int32_t)a[1] - b[1]) * (INT32_C(1) << SINE_BITS) + half;
    const int32_t re = (even_re + cosine * odd_im - sine * odd_re) >> shift;
    const int32_t im = (even_im - cosine * odd_re - sine * odd_im) >> shift;
    return (uint32_t)(re * re) + (uint32_t)(im * im);
}

/* log2(1 + i / 32) at 2^-15. */
static const RNN_FLASH uint16_t LOG2[33] = {
    0,     1455,  2866,  4236,  5568,  6863,  8124,  9352,  10549, 11716, 12855,
    13968, 15055, 16117, 17156, 18173, 19168, 20143, 21098, 22034, 22952, 23852,
    24736, 25604, 26455, 27292, 28114, 28922, 29717, 30498, 31267, 32024, 32768,
};

/* log2 at 2^-8 of 1 <= x < 2^53, interpolated. */
static int32_t log2_of(uint64_t x)
{
    int32_t whole = 16;
    for (; x >> 24 != 0; x >>= 8)
        whole += 8;
    uint32_t scaled = (uint32_t)x; /* becomes 1 + fraction at 2^-16 */
    for (; scaled >> 17 != 0; scaled >>= 1)
        whole++;
    for (; scaled >> 16 == 0; scaled <<= 1)
        whole--;
    const int index = (int)(scaled >> 11) & 31;
    const int32_t low = LOG2[index], high = LOG2[index + 1];
    const int32_t fraction = low * 2048 + (high - low) * (int32_t)(scaled & 2047); /* <= 2^26 */
    return whole * (1 << FRACTION) + ((fraction + (INT32_C(1) << 17)) >> 18);
}

/* Band i rises over stretch i and falls over stretch i + 1, where band i + 1 rises: a bin of weight
 * w in the one that rises has 2^8 - w in the other. A sum is below 512 * 2^8 * 2^32 = 2^49.
 * -14 <= exponent, so that the floor is at most 2^52; where its bit lies below the units of the
 * band it is nothing. The result is at least floor * 2^8 and below 2^15. */
static void bands(int16_t *y, const int16_t *z, int shift, int exponent,
                  const RNN_FLASH rnn_log_mel *config)
{
    const int floor_bit = config->floor + WEIGHT_BITS - 2 * exponent;
    const uint64_t floor = floor_bit >= 0 ? UINT64_C(1) << floor_bit : 0;
    const RNN_FLASH int16_t *const sine = config->sine;
    const RNN_FLASH uint8_t *weight = config->weight;
    const int quarter = config->fft / 4;
    uint64_t band = 0;
    int k = config->first;
    for (int i = 0; i <= config->mels; i++) {
        uint64_t all = 0, rising = 0;
        const int end = (int)config->end[i];
        for (; k < end; k++) {
            const int32_t cosine = k <= quarter ? sine[quarter - k] : -sine[k - quarter];
            const int32_t sine_k = sine[k <= quarter ? k : 2 * quarter - k];
            const uint32_t p = power(z + 2 * k, z + 4 * quarter - 2 * k, cosine, sine_k, shift);
            all += p;
            rising += (uint64_t)p * *weight++;
        }
        band += floor + (all << WEIGHT_BITS) - rising;
        if (i > 0) {
            const int32_t octaves = log2_of(band != 0 ? band : 1);
            y[i - 1] = (int16_t)(octaves + (2 * exponent - WEIGHT_BITS) * (1 << FRACTION));
        }
        band = rising;
    }
}

void rnn_log_mel_frame(int16_t *y, const int16_t *samples, int16_t *scratch,
                       const RNN_FLASH rnn_log_mel *config)
{
    int exponent;
    const int in = windowed(scratch, samples, &exponent, config);
    const int out = transform(scratch, in, &exponent, config);
    const int shift = (out > FEWEST_BITS ? out : FEWEST_BITS) + 1;
    bands(y, scratch, shift, exponent + shift - SINE_BITS - 1, config);
}
