/* Elements one at a time, in C99 for every core. Part of rnn_portable.h. The results are those that
 * rnn_step.h defines, bit for bit.
 */
#ifndef RNN_PORTABLE_LANES_H
#define RNN_PORTABLE_LANES_H

#include "rnn_core.h"
#include "rnn_kernels.h"

/* RNN_PIECE   a part of its caller, at every optimization
 * RNN_SHARED  a function of its own where code is to be small: its loop needs all registers
 * RNN_UNROLL  the loop behind it eight times in a row, except where code is to be small
 * RNN_FENCE   no memory is read before this: gcc reads far ahead and runs out of registers
 * RNN_ASSUME  a fact that is proven beside it, for the compiler to use */
#ifdef __GNUC__
#define RNN_PIECE static inline __attribute__((always_inline))
#define RNN_FENCE() __asm__ volatile("" ::: "memory")
#define RNN_ASSUME(fact) ((fact) ? (void)0 : __builtin_unreachable())
#else
#define RNN_PIECE static inline
#define RNN_FENCE() ((void)0)
#define RNN_ASSUME(fact) ((void)0)
#endif
#if defined(__AVR__) || (defined(__OPTIMIZE_SIZE__) && defined(__GNUC__))
#define RNN_SHARED static __attribute__((noinline, unused))
#else
#define RNN_SHARED RNN_PIECE
#endif
#if defined(__OPTIMIZE_SIZE__) || !defined(__GNUC__)
#define RNN_UNROLL
#define RNN_UNROLL_16
#elif defined(__clang__)
#define RNN_UNROLL _Pragma("unroll")
#define RNN_UNROLL_16 _Pragma("unroll 16")
#elif __GNUC__ >= 8
#define RNN_UNROLL _Pragma("GCC unroll 8")
#define RNN_UNROLL_16 _Pragma("GCC unroll 16")
#else
#define RNN_UNROLL
#define RNN_UNROLL_16
#endif

/* ---- Elements ------------------------------------------------------------------------------- */

#define RNN_LANES 1
#ifdef __AVR__
typedef int16_t rnn_lanes;
#else
typedef int32_t rnn_lanes; /* its value is an int16 */
#endif

#define RNN_OPERAND(name, n) rnn_operand name[n]
#ifdef RNN_NARROW
#define RNN_WIDENED(name, n) rnn_operand name[n]
#else
#define RNN_WIDENED(name, n) rnn_operand name[1]
#endif

/* SSAT in assembler: gcc takes the two compares apart before it sees one. */
RNN_PIECE rnn_lanes rnn_sat16(int32_t v)
{
#if defined(__ARM_FEATURE_SAT) && defined(__GNUC__)
    rnn_lanes y;
    __asm__("ssat %0, #16, %1" : "=r"(y) : "r"(v));
    return y;
#else
    return (rnn_lanes)((int16_t)v == v ? v : (v >> 31) ^ INT16_MAX);
#endif
}

RNN_PIECE rnn_lanes rnn_load(const int16_t *x, int i, int n)
{
    (void)n;
    return x[i];
}

RNN_PIECE void rnn_store(int16_t *y, int i, int n, rnn_lanes v)
{
    (void)n;
    y[i] = (int16_t)v;
}

RNN_PIECE void rnn_store_s8(int8_t *y, int i, int n, rnn_lanes v)
{
    (void)n;
    y[i] = (int8_t)v;
}

RNN_PIECE void rnn_store_operand(rnn_operand *y, int i, int n, rnn_lanes v)
{
    (void)n;
    y[i] = (rnn_operand)(v + RNN_ORIGIN);
}

RNN_PIECE const rnn_operand *rnn_widen(rnn_operand *wide, const int8_t *x, int n)
{
#ifdef RNN_NARROW
    RNN_UNROLL
    for (int i = 0; i < n; i++)
        wide[i] = (rnn_operand)(x[i] + RNN_ORIGIN);
    return wide;
#else
    (void)wide;
    (void)n;
    return x;
#endif
}

/* |a + b| and |a - b| are at most 2^16. */
RNN_PIECE rnn_lanes rnn_add(rnn_lanes a, rnn_lanes b)
{
    return rnn_sat16((int32_t)a + b);
}

RNN_PIECE rnn_lanes rnn_sub(rnn_lanes a, rnn_lanes b)
{
    return rnn_sat16((int32_t)a - b);
}

RNN_PIECE rnn_lanes rnn_relu(rnn_lanes x)
{
    return x > 0 ? x : 0;
}

RNN_PIECE rnn_lanes rnn_maximum(rnn_lanes a, rnn_lanes b)
{
    return a > b ? a : b;
}

/* v * 2^-shift, |v| <= 2^30, 1 <= shift <= 30: one bit rounded half up, the rest half away from
 * zero. For shift > 1 this is floor((v + d) * 2^-shift + 1/2), d = 1 for v >= 0 and -1 for v < 0.
 * The sums are at most 2^30 + 2^29 + 1. */
RNN_PIECE int32_t rnn_shift_round(int32_t v, int shift)
{
    const int32_t away = v < 0 ? -2 : 0;
    if (shift == 1)
        return (v + 1) >> 1;
#ifdef RNN_NARROW
    if (shift > 8) /* without a constant of more than 8 bits */
        return (((v + away + 1) >> (shift - 1)) + 1) >> 1;
#endif
    return (v + away + (INT32_C(1) << (shift - 1)) + 1) >> shift;
}

/* sat(v * 2^-shift) to 16 or 8 bits. SSAT shifts by a literal, which takes an optimizing compiler.
 */
#if defined(__ARM_FEATURE_SAT) && defined(__OPTIMIZE__)
#define RNN_SATURATE(y, bits, v, shift)                                                            \
    __asm__("ssat %0, #" #bits ", %1, asr %2" : "=r"(y) : "r"(v), "i"(shift))

/* v * 2^-shift, 2 <= shift <= 30, before the shift */
RNN_PIECE int32_t rnn_rounded(int32_t v, int shift)
{
    return v + (v >> 31) + (v >> 31) + (INT32_C(1) << (shift - 1)) + 1;
}
#endif

/* |a * b| <= 2^30, reached by -2^15 * -2^15. */
RNN_PIECE rnn_lanes rnn_mul(rnn_lanes a, rnn_lanes b, int shift)
{
    const int32_t v = (int32_t)(int16_t)a * (int16_t)b;
#ifdef RNN_SATURATE
    rnn_lanes y;
    if (shift > 1) {
        RNN_SATURATE(y, 16, rnn_rounded(v, shift), shift);
        return y;
    }
#endif
    return rnn_sat16(rnn_shift_round(v, shift));
}

RNN_PIECE rnn_lanes rnn_rescale(rnn_lanes a, int shift)
{
#ifdef RNN_SATURATE
    rnn_lanes y;
    if (shift > 1) {
        RNN_SATURATE(y, 8, rnn_rounded(a, shift), shift);
        return y;
    }
#endif
    const int32_t v = rnn_shift_round(a, shift);
    return (rnn_lanes)(v > INT8_MAX ? INT8_MAX : v < INT8_MIN ? INT8_MIN : v);
}

RNN_PIECE rnn_lanes rnn_shift(rnn_lanes a, int shift)
{
    return (rnn_lanes)rnn_shift_round(a, shift);
}

/* ---- Sigmoid and tanh ----------------------------------------------------------------------- */

#if defined(RNN_THUMB_1) && defined(__OPTIMIZE__)
#include "rnn_thumb_lanes.h"
#define RNN_THUMB_CURVE(bits) (__builtin_constant_p(bits) && (bits) > 3 && (bits) < 9)
#endif

/* A place in rnn_sigmoid_table: between entry[0] and entry[1], rest * 2^-bits of the way. */
typedef struct {
    const RNN_FLASH uint16_t *entry;
    uint_fast16_t rest;
} rnn_place;

/* |x| * 3 * 2^up steps of 2^-bits; what lies behind the table is at its end. up = 0 but for very
 * coarse x, and up <= 5: |position| <= 3 * 2^15 * 2^5 < 2^22. 1 <= bits <= 9: rest < 2^9. */
RNN_PIECE rnn_place rnn_look_up(rnn_lanes x, int bits, int up)
{
    const rnn_lanes sign = x < 0 ? -1 : 0;
    const int32_t position = ((int32_t)(x ^ sign) - sign) * (INT32_C(3) << up);
    const int32_t mask = (INT32_C(1) << bits) - 1;
#ifdef RNN_SATURATE
    /* One entry further, the end of the table is where USAT cuts: at 2^(8 + bits) - 1. */
    if (__builtin_constant_p(bits)) {
        int32_t next;
        __asm__("usat %0, %2, %1" : "=r"(next) : "r"(position + mask + 1), "i"(8 + bits));
        const rnn_place cut = {rnn_sigmoid_table + (next >> bits) - 1,
                               (uint_fast16_t)(next & mask)};
        return cut;
    }
#endif
    const int32_t end = (INT32_C(255) << bits) - 1;
    const int32_t inside = position > end ? end : position;
    const rnn_place place = {rnn_sigmoid_table + (inside >> bits), (uint_fast16_t)(inside & mask)};
    return place;
}

/* Adjacent entries differ by less than 2^10: the product is below 2^19. */
RNN_PIECE int32_t rnn_rise(rnn_place place)
{
    const uint_fast16_t rise = (uint_fast16_t)(place.entry[1] - place.entry[0]);
    return (int32_t)((uint32_t)place.rest * (uint32_t)rise);
}

/* 2^15 <= curve < 2^16 - 1 in units of 2^-16; 2^16 - 1 minus that, and half a unit more by the
 * rounding, where x < 0. So 0 <= y < 2^15. */
RNN_INLINE rnn_lanes rnn_sigmoid(rnn_lanes x, int fraction)
{
    const int bits = fraction > 4 ? fraction - 3 : 1;
#ifdef RNN_THUMB_CURVE
    if (RNN_THUMB_CURVE(bits))
        return rnn_thumb_sigmoid(x, bits);
#endif
    const rnn_place place = rnn_look_up(x, bits, bits + 3 - fraction);
    const int32_t curve = place.entry[0] + (rnn_rise(place) >> bits);
#ifdef RNN_SATURATE
    const int32_t y = (((curve ^ (x >> 31)) + 1) >> 1) & INT16_MAX; /* EOR with a shift, UBFX */
#else
    const int32_t y = ((curve ^ (x < 0 ? 0xFFFF : 0)) + 1) >> 1;
    RNN_ASSUME(y >= 0 && y <= INT16_MAX);
#endif
    return (rnn_lanes)y;
}

/* Twice the sigmoid of 2 x, minus one: every entry without its uppermost bit. 0 <= curve < 2^24,
 * in units of 2^-(15 + bits). */
RNN_INLINE rnn_lanes rnn_tanh(rnn_lanes x, int fraction)
{
    const int bits = fraction > 5 ? fraction - 4 : 1;
#ifdef RNN_THUMB_CURVE
    if (RNN_THUMB_CURVE(bits))
        return rnn_thumb_tanh(x, bits);
#endif
    const rnn_place place = rnn_look_up(x, bits, bits + 4 - fraction);
    const int32_t curve = ((int32_t)(place.entry[0] & 0x7FFF) << bits) + rnn_rise(place);
    return (rnn_lanes)(((curve ^ (x < 0 ? -1 : 0)) + (1 << (bits - 1))) >> bits);
}

#endif
