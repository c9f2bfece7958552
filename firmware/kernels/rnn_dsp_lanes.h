/* Elements two at a time, on cores with two products of 16 bits in one instruction: Cortex-M4, M7,
 * M33 with DSP. Part of rnn_dsp.h. The results are those that rnn_step.h defines, bit for bit.
 *
 * Assembler (GNU syntax) says what C cannot: halves that are packed, selected or saturated. It
 * leaves the flags Q and GE in any state.
 */
#ifndef RNN_DSP_LANES_H
#define RNN_DSP_LANES_H

#include "rnn_core.h"
#include "rnn_kernels.h"

#include <arm_acle.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "rnn_dsp.h is for little-endian cores: compile with -DRNN_WIDE."
#endif

/* One piece of its caller at every optimization: a few instructions each. */
#define RNN_PIECE static inline __attribute__((always_inline))

/* ---- Two elements in one word --------------------------------------------------------------- */

#define RNN_LANES 2
typedef uint32_t rnn_lanes; /* element i in the low half, i + 1 in the high half */

/* A word at any address, of any type: these cores load and store it in one instruction. */
typedef uint32_t __attribute__((may_alias, aligned(1))) rnn_word;

/* The low half of `low` below the low half of `high`. */
RNN_PIECE uint32_t rnn_pack_low(uint32_t low, uint32_t high)
{
    uint32_t y;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(y) : "r"(low), "r"(high));
    return y;
}

/* The high half of `low` below the high half of `high`. */
RNN_PIECE uint32_t rnn_pack_high(uint32_t low, uint32_t high)
{
    uint32_t y;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(y) : "r"(high), "r"(low));
    return y;
}

/* Bytes 0 and 2 as int16. */
RNN_PIECE uint32_t rnn_even_bytes(uint32_t word)
{
    return (uint32_t)__sxtb16((int8x4_t)word);
}

/* Bytes 1 and 3 as int16. */
RNN_PIECE uint32_t rnn_odd_bytes(uint32_t word)
{
    uint32_t y;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(y) : "r"(word));
    return y;
}

RNN_PIECE int32_t rnn_sat16(int32_t v)
{
    int32_t y;
    __asm__("ssat %0, #16, %1" : "=r"(y) : "r"(v));
    return y;
}

/* |x| of each half, 2^15 for -2^15. SEL takes the difference where it is not negative. */
RNN_PIECE uint32_t rnn_magnitude(rnn_lanes x)
{
    uint32_t y;
    __asm__("ssub16 %0, %1, %2\n\t"
            "sel %0, %0, %2"
            : "=&r"(y)
            : "r"(0), "r"(x));
    return y;
}

/* `positive` where x >= 0, `negative` elsewhere. SADD16 sets GE by the sign of x + x. */
RNN_PIECE rnn_lanes rnn_choose(rnn_lanes x, rnn_lanes positive, rnn_lanes negative)
{
    rnn_lanes y;
    __asm__("sadd16 %0, %1, %1\n\t"
            "sel %0, %2, %3"
            : "=&r"(y)
            : "r"(x), "r"(positive), "r"(negative));
    return y;
}

RNN_PIECE rnn_lanes rnn_load(const int16_t *x, int i, int n)
{
    if (n % 2 == 0 || i + 1 < n)
        return *(const rnn_word *)(x + i);
    return (uint16_t)x[i];
}

RNN_PIECE void rnn_store(int16_t *y, int i, int n, rnn_lanes v)
{
    if (n % 2 == 0 || i + 1 < n)
        *(rnn_word *)(y + i) = v;
    else
        y[i] = (int16_t)v;
}

RNN_PIECE void rnn_store_s8(int8_t *y, int i, int n, rnn_lanes v)
{
    y[i] = (int8_t)v;
    if (n % 2 == 0 || i + 1 < n)
        y[i + 1] = (int8_t)(v >> 16);
}

RNN_PIECE rnn_lanes rnn_add(rnn_lanes a, rnn_lanes b)
{
    return (rnn_lanes)__qadd16((int16x2_t)a, (int16x2_t)b);
}

RNN_PIECE rnn_lanes rnn_sub(rnn_lanes a, rnn_lanes b)
{
    return (rnn_lanes)__qsub16((int16x2_t)a, (int16x2_t)b);
}

RNN_PIECE rnn_lanes rnn_relu(rnn_lanes x)
{
    rnn_lanes y;
    __asm__("usat16 %0, #15, %1" : "=r"(y) : "r"(x));
    return y;
}

/* SEL takes a where a - b is not negative. */
RNN_PIECE rnn_lanes rnn_maximum(rnn_lanes a, rnn_lanes b)
{
    rnn_lanes y;
    __asm__("ssub16 %0, %1, %2\n\t"
            "sel %0, %1, %2"
            : "=&r"(y)
            : "r"(a), "r"(b));
    return y;
}

/* v * 2^-15 in the high half, rounded half up at one bit, then half away from zero, |v| <= 2^30:
 *     v >= 0: (v + 2^14 + 1) >> 15 = (2 v + 2^15 + 2) >> 16
 *     v <  0: (v + 2^14 - 1) >> 15 = (2 (v - 1) + 2^15 + 1) >> 16, the sum before >> 16 being odd
 * QDADD saturates at 2^31 - 1 for v = 2^30 alone, which leaves 32767 as it should. */
RNN_PIECE uint32_t rnn_round_15(int32_t v)
{
    uint32_t y;
    __asm__("qdadd %0, %1, %2" : "=r"(y) : "r"(0x8002 + (v >> 31)), "r"(v + (v >> 31)));
    return y;
}

/* sat16(v * 2^-shift), the same rounding: |v| <= 2^30 and the other terms are at most 2^29 + 1. */
RNN_PIECE uint32_t rnn_round(int32_t v, int shift)
{
    const int32_t half = shift == 1 ? 1 : (INT32_C(1) << (shift - 1)) + 1 + 2 * (v >> 31);
    return (uint32_t)(shift < 16 ? rnn_sat16((v + half) >> shift) : (v + half) >> shift);
}

RNN_INLINE rnn_lanes rnn_mul(rnn_lanes a, rnn_lanes b, int shift)
{
    const int32_t low = (int32_t)(int16_t)a * (int16_t)b;
    const int32_t high = ((int32_t)a >> 16) * ((int32_t)b >> 16);
    if (shift == 15)
        return rnn_pack_high(rnn_round_15(low), rnn_round_15(high));
    return rnn_pack_low(rnn_round(low, shift), rnn_round(high, shift));
}

RNN_INLINE rnn_lanes rnn_shift(rnn_lanes a, int shift)
{
    return rnn_pack_low(rnn_round((int16_t)a, shift), rnn_round((int32_t)a >> 16, shift));
}

/* For 8 bits: 2 less where x < 0 makes the 129 a 127; what saturates stays outside of int8. */
RNN_INLINE rnn_lanes rnn_rescale(rnn_lanes a, int shift)
{
    if (shift == 8)
        return rnn_odd_bytes(rnn_add(rnn_sub(a, a >> 14 & 0x00020002), 0x00810081));
    rnn_lanes y;
    __asm__("ssat16 %0, #8, %1" : "=r"(y) : "r"(rnn_shift(a, shift)));
    return y;
}

/* ---- Sigmoid and tanh ----------------------------------------------------------------------- */

typedef struct {
    int32_t low;
    int32_t high;
} rnn_pair;

/* S + half for both lanes, S = 2^31 - 2^7 R, R = (T[u] << 8) + f * (T[u + 1] - T[u]) for
 * 3 |x| * 2^(8 - bits) = 256 u + f, 3 <= bits <= 8.
 * From u = 255 on the curves are flat. |x| is cut to 85 * 2^bits - 1, the last of u = 254, by an
 * addition that saturates: there R rounds to the same. So 3 |x| < 255 * 2^bits <= 65280.
 * Table entries are read as int16, T - 65536. The weights -(256 - f) * 2^7 and f * 2^7 make
 * 2^7 ((256 - f) (65536 - T[u]) + f (65536 - T[u + 1])) = S <= 2^30. */
RNN_PIECE rnn_pair rnn_curve(rnn_lanes x, int bits, int32_t half)
{
    const uint32_t beyond = (65536 - (UINT32_C(85) << bits)) * 0x00010001;
    const uint32_t cut = (uint32_t)__uqadd16((uint16x2_t)rnn_magnitude(x), beyond) - beyond;
    const uint32_t m = cut * 3;
    const uint32_t up = m << (15 - bits) & 0x7F807F80; /* the low lane is below 2^(8 + bits) */
    const uint32_t down = up | 0x80008000;
    const uint32_t low = *(const rnn_word *)(rnn_sigmoid_table + (m >> bits & 255));
    const uint32_t high = *(const rnn_word *)(rnn_sigmoid_table + (m >> (16 + bits)));
    const rnn_pair y = {
        __smlsd((int16x2_t)low, (int16x2_t)rnn_pack_low(down, up), half),
        __smlsd((int16x2_t)high, (int16x2_t)rnn_pack_high(down, up), half),
    };
    return y;
}

/* The high half of `high` * 2 above `low` >> 15, both in 0 to 2^15. */
RNN_PIECE uint32_t rnn_pack_15(int32_t low, int32_t high)
{
    uint32_t y;
    __asm__("lsr %0, %1, #15\n\t"
            "pkhbt %0, %0, %2, lsl #1"
            : "=&r"(y)
            : "r"(low), "r"(high));
    return y;
}

/* x at 2^-(fraction + more): what saturates lies where the curves are flat. |x << more| < 2^25. */
RNN_PIECE rnn_lanes rnn_refine(rnn_lanes x, int more)
{
    const int32_t low = rnn_sat16((int16_t)x * (INT32_C(1) << more));
    const int32_t high = rnn_sat16(((int32_t)x >> 16) * (INT32_C(1) << more));
    return rnn_pack_low((uint32_t)low, (uint32_t)high);
}

/* One element at 2^-12: 3 |x| = 512 u + f, u <= 192. SMLAD makes R - 2^25 from T - 65536, for
 * R = (T[u] << 9) + f * (T[u + 1] - T[u]) < 2^25. */
RNN_PIECE uint32_t rnn_sigmoid_12(int32_t x)
{
    const int32_t m = 3 * (x < 0 ? -x : x);
    const int32_t f = m & 511;
    const uint32_t entries = *(const rnn_word *)(rnn_sigmoid_table + (m >> 9));
    const int32_t twice = __smlad((int16x2_t)entries, 512 - f + f * 65536, (1 << 25) + 512);
    return (uint32_t)(x < 0 ? 32768 - (twice >> 10) : twice >> 10);
}

/* With S = 2^31 - 2^7 R, for x <= 0: (2^25 - 2 R + 511) >> 10 = (S + 2^15 - 1) >> 16, and 2^15
 * minus that for x >= 0. */
RNN_INLINE rnn_lanes rnn_sigmoid(rnn_lanes x, int fraction)
{
    if (fraction > 11)
        return rnn_pack_low(rnn_sigmoid_12((int16_t)x), rnn_sigmoid_12((int32_t)x >> 16));
    const int fine = fraction < 9 ? 9 : fraction;
    const rnn_lanes at = fraction < 9 ? rnn_refine(x, 9 - fraction) : x;
    const rnn_pair curve = rnn_curve(at, fine - 3, (1 << 15) - 1);
    const uint32_t falling = rnn_pack_high((uint32_t)curve.low, (uint32_t)curve.high);
    return rnn_choose(at, 0x80008000 - falling, falling);
}

/* With S as above, 1 - |y| = (S + 2^14 - 1) >> 15, in 0 to 2^15: y = 2^15 minus that for x >= 0,
 * that minus 2^15 for x < 0, where it is at least 1. */
RNN_INLINE rnn_lanes rnn_tanh(rnn_lanes x, int fraction)
{
    const int fine = fraction < 8 ? 8 : fraction;
    const rnn_lanes at = fraction < 8 ? rnn_refine(x, 8 - fraction) : x;
    const rnn_pair curve = rnn_curve(at, fine - 4, (1 << 14) - 1);
    const uint32_t falling = rnn_pack_15(curve.low, curve.high);
    return rnn_choose(at, 0x80008000 - falling, falling ^ 0x80008000);
}

#endif
