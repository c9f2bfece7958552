/* Elements eight at a time, on cores with vectors of 16 bytes: Cortex-M55, M85. Part of rnn_mve.h.
 * The results are those that rnn_step.h defines, bit for bit.
 *
 * No immediate depends on an argument, so that these also compile where nothing is folded.
 */
#ifndef RNN_MVE_LANES_H
#define RNN_MVE_LANES_H

#include "rnn_core.h"
#include "rnn_kernels.h"

#include <arm_mve.h>

/* Part of its caller where code is to be small, too: known sizes save more bytes than a call. */
#define RNN_FOLDED static inline __attribute__((always_inline))

/* Before a store of some lanes: gcc 12 takes it for one of all, and drops what was stored before in
 * the place of the others. */
#define RNN_KEEP_STORES __asm__("" : : : "memory")

/* ---- Lanes ---------------------------------------------------------------------------------- */

#define RNN_LANES 8
typedef int16x8_t rnn_lanes;

RNN_INLINE rnn_lanes rnn_load(const int16_t *x, int i, int n)
{
    if (n % RNN_LANES == 0)
        return vldrhq_s16(x + i);
    return vldrhq_z_s16(x + i, vctp16q((uint32_t)(n - i)));
}

RNN_INLINE void rnn_store(int16_t *y, int i, int n, rnn_lanes v)
{
    if (n % RNN_LANES == 0) {
        vstrhq_s16(y + i, v);
    } else {
        RNN_KEEP_STORES;
        vstrhq_p_s16(y + i, v, vctp16q((uint32_t)(n - i)));
    }
}

RNN_INLINE void rnn_store_s8(int8_t *y, int i, int n, rnn_lanes v)
{
    if (n % RNN_LANES == 0) {
        vstrbq_s16(y + i, v);
    } else {
        RNN_KEEP_STORES;
        vstrbq_p_s16(y + i, v, vctp16q((uint32_t)(n - i)));
    }
}

RNN_INLINE rnn_lanes rnn_add(rnn_lanes a, rnn_lanes b)
{
    return vqaddq_s16(a, b);
}

RNN_INLINE rnn_lanes rnn_sub(rnn_lanes a, rnn_lanes b)
{
    return vqsubq_s16(a, b);
}

RNN_INLINE rnn_lanes rnn_relu(rnn_lanes x)
{
    return vmaxq_s16(x, vdupq_n_s16(0));
}

RNN_INLINE rnn_lanes rnn_maximum(rnn_lanes a, rnn_lanes b)
{
    return vmaxq_s16(a, b);
}

/* v * 2^-shift, one bit rounded half up, the rest half away from zero. |half| <= 2^29. */
RNN_FOLDED int32x4_t rnn_shift_round(int32x4_t v, int shift)
{
    int32x4_t half = vrshrq_n_s32(v, 1);
    if (shift > 1)
        half = vaddq_s32(half, vshrq_n_s32(half, 31));
    return vrshlq_n_s32(half, 1 - shift);
}

/* With v = a * b and low = v mod 2^15, y = (v >> 15) + 1 where low >= 2^14 - 1 (v >= 0) or
 * low >= 2^14 + 1 (v < 0), otherwise y = v >> 15. VQDMULH is v >> 15, saturated for -2^15 * -2^15
 * alone, whose low is 0. `limit` is twice 2^14 + 1 or twice 2^14 - 1, so that bit 15 of
 * mean = low + limit / 2 < 2^16 is what to add. The sum stays below 2^15: v >> 15 = 2^15 - 1 needs
 * v >= 2^30 - 2^15, and the only such v are that number and 2^30, whose low is 0. */
RNN_INLINE rnn_lanes rnn_mul_15(rnn_lanes a, rnn_lanes b)
{
    const rnn_lanes whole = vqdmulhq_s16(a, b);
    const rnn_lanes low = vmulq_s16(a, b);
    const rnn_lanes sign = vshrq_n_s16(whole, 15);
    const rnn_lanes limit = vaddq_n_s16(vshlq_n_s16(sign, 2), -0x7FFE);
    const uint16x8_t mean =
        vhaddq_u16(vreinterpretq_u16_s16(vaddq_s16(low, low)), vreinterpretq_u16_s16(limit));
    return vsubq_s16(whole, vshrq_n_s16(vreinterpretq_s16_u16(mean), 15));
}

RNN_INLINE rnn_lanes rnn_mul(rnn_lanes a, rnn_lanes b, int shift)
{
    if (shift == 15)
        return rnn_mul_15(a, b);
    const int32x4_t even = rnn_shift_round(vmullbq_int_s16(a, b), shift);
    const int32x4_t odd = rnn_shift_round(vmulltq_int_s16(a, b), shift);
    return vqmovntq_s32(vqmovnbq_s32(a, even), odd);
}

/* |half| <= 2^14: no sum leaves 16 bits. */
RNN_INLINE rnn_lanes rnn_shift(rnn_lanes a, int shift)
{
    rnn_lanes half = vrshrq_n_s16(a, 1);
    if (shift > 1)
        half = vaddq_s16(half, vshrq_n_s16(half, 15));
    return vrshlq_n_s16(half, 1 - shift);
}

RNN_INLINE rnn_lanes rnn_rescale(rnn_lanes a, int shift)
{
    const rnn_lanes y = rnn_shift(a, shift);
    return vmaxq_s16(vminq_s16(y, vdupq_n_s16(INT8_MAX)), vdupq_n_s16(INT8_MIN));
}

/* ---- Sigmoid and tanh ----------------------------------------------------------------------- */

/* Where |x| lies in the table T: T[u], T[u + 1] - T[u], and how far between in units of 2^-16. */
typedef struct {
    uint16x8_t low;
    uint16x8_t rise;
    uint16x8_t rest;
} rnn_interval;

/* u = 3|x| >> bits and rest = (3|x| mod 2^bits) << (16 - bits) are the two halves of |x| * unit,
 * unit = 3 * 2^(16 - bits) < 2^13 as 5 <= bits <= 9; VQDMULH by unit / 2 is the high one.
 * From u = 255 on, |x| >= 85 * 2^bits, both curves are 2^15 - 1. So they are one step before, where
 * |x| is cut: T[254] = 65534, T[255] = 65535, rest = (2^bits - 3) << (16 - bits) > 2^15.
 * At bits = 9 only -2^15 is cut, to 2^15 - 1 as VQDMULH is signed: the sigmoid is the same there.
 */
RNN_FOLDED rnn_interval rnn_look_up(rnn_lanes x, int bits)
{
    const int16_t unit = (int16_t)(3 << (16 - bits));
    const int limit = (85 << bits) - 1;
    uint16x8_t largest;
    /* volatile: a constant of its own for each use, as registers are scarce and memory is slow. */
    __asm__ volatile("vdup.16 %q0, %1"
                     : "=w"(largest)
                     : "r"(limit < INT16_MAX ? limit : INT16_MAX));
    const rnn_lanes magnitude = vreinterpretq_s16_u16(vminaq_s16(largest, x));
    const uint16x8_t u = vreinterpretq_u16_s16(vqdmulhq_n_s16(magnitude, unit / 2));
    rnn_interval at;
    at.low = vldrhq_gather_shifted_offset_u16(rnn_sigmoid_table, u);
    at.rise = vsubq_u16(vldrhq_gather_shifted_offset_u16(rnn_sigmoid_table + 1, u), at.low);
    at.rest = vreinterpretq_u16_s16(vmulq_n_s16(magnitude, unit));
    return at;
}

/* Fractions below 9 become 9. What the shift saturates lies beyond 63, where the curves are flat.
 */
RNN_FOLDED rnn_lanes rnn_refine(rnn_lanes x, int fraction)
{
    return fraction < 9 ? vqshlq_r_s16(x, 9 - fraction) : x;
}

/* s = T[u] + (rest * rise >> 16) <= 65535. y = (s + 1) >> 1 for x >= 0, and for x < 0
 * 2^15 - ((s + 1) >> 1) = (2^16 - 1 - s + 1) >> 1. */
RNN_INLINE rnn_lanes rnn_sigmoid(rnn_lanes x, int fraction)
{
    const rnn_interval at = rnn_look_up(rnn_refine(x, fraction), fraction < 9 ? 6 : fraction - 3);
    const uint16x8_t s = vaddq_u16(at.low, vmulhq_u16(at.rest, at.rise));
    const uint16x8_t sign = vreinterpretq_u16_s16(vshrq_n_s16(x, 15));
    return vreinterpretq_s16_u16(vrshrq_n_u16(veorq_u16(s, sign), 1));
}

/* |y| = T[u] + ((rest * rise + 2^15) >> 16) - 2^15, from 0 to 2^15 - 1. */
RNN_INLINE rnn_lanes rnn_tanh(rnn_lanes x, int fraction)
{
    const rnn_interval at = rnn_look_up(rnn_refine(x, fraction), fraction < 9 ? 5 : fraction - 4);
    const uint16x8_t above = vaddq_u16(at.low, vrmulhq_u16(at.rest, at.rise));
    const rnn_lanes y = vreinterpretq_s16_u16(vbicq_n_u16(above, 0x8000));
    const rnn_lanes sign = vshrq_n_s16(x, 15);
    return vsubq_s16(veorq_s16(y, sign), sign);
}

#endif
