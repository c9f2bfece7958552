/* Octets of rows of rnn_matvec_s8 on a core that has the first Thumb instructions only (Cortex-M0,
 * M0+), in assembler: no compiler keeps eight sums in the thirteen registers, of which eight do
 * everything and five can only be moved and added to. The integers are those of rnn_portable.h.
 *
 * One product takes three instructions: ldrb, muls, add. The code of RNN_TURN columns follows one
 * another without a branch; where cols is no multiple of it, the first turn begins in its middle.
 */
#ifndef RNN_THUMB_H
#define RNN_THUMB_H

#include <stdint.h>

/* gcc: nor guess what it leaves in registers */
#ifdef __clang__
#define RNN_NAKED static __attribute__((naked, noinline, unused))
#else
#define RNN_NAKED static __attribute__((naked, noipa, unused))
#endif

/* What the assembler reads, at the offsets behind the fields; it moves bias, y and multiplier. */
typedef struct {
    const int32_t *bias;        /* 0 */
    uint32_t excess;            /* 4: taken off every bias */
    const uint8_t *x;           /* 8: before x by the columns that the first turn leaves out */
    uintptr_t entry;            /* 12: where in rnn_columns the first turn begins */
    int16_t *y;                 /* 16 */
    const uint32_t *multiplier; /* 20: as rnn_linear has it */
    const int16_t *y_end;       /* 24 */
    const uint8_t *weight;      /* 28 */
    const uint8_t *x_end;       /* 32 */
    uint32_t back;              /* 36: from the weights to those at offset 0 of where it begins */
    int32_t add;                /* 40: onto y */
} rnn_thumb_octets;

#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Woverlength-strings" /* C99 promises 4,095 characters */
#endif
/* clang-format off */

#define RNN_PRODUCT(sum, offset)                                                                   \
    "ldrb r2, [r0, #" #offset "]\n muls r2, r3, r2\n add " sum ", r2\n"
#define RNN_OCTET_COLUMN(j, a, b, c, d, e, f, g, h)                                                \
    "ldrb r3, [r1, #" #j "]\n"                                                                     \
    RNN_PRODUCT("r8", a) RNN_PRODUCT("r9", b) RNN_PRODUCT("r10", c) RNN_PRODUCT("r11", d)          \
    RNN_PRODUCT("r4", e) RNN_PRODUCT("r5", f) RNN_PRODUCT("r6", g) RNN_PRODUCT("r7", h)
#define RNN_FOUR_COLUMNS(i, j, k, l)                                                               \
    RNN_OCTET_COLUMN(i, 0, 1, 2, 3, 4, 5, 6, 7)                                                    \
    RNN_OCTET_COLUMN(j, 8, 9, 10, 11, 12, 13, 14, 15)                                              \
    RNN_OCTET_COLUMN(k, 16, 17, 18, 19, 20, 21, 22, 23)                                            \
    RNN_OCTET_COLUMN(l, 24, 25, 26, 27, 28, 29, 30, 31)                                            \
    "adds r0, #32\n"

#ifdef __OPTIMIZE_SIZE__
enum { RNN_TURN = 4 };
#define RNN_TURN_OF_COLUMNS RNN_FOUR_COLUMNS(0, 1, 2, 3) "adds r1, #4\n"
#else
enum { RNN_TURN = 16 };
#define RNN_TURN_OF_COLUMNS                                                                        \
    RNN_FOUR_COLUMNS(0, 1, 2, 3)   RNN_FOUR_COLUMNS(4, 5, 6, 7)                                    \
    RNN_FOUR_COLUMNS(8, 9, 10, 11) RNN_FOUR_COLUMNS(12, 13, 14, 15)                                \
    "adds r1, #16\n"
#endif

/* Halfwords of code before column k of a turn. */
enum { RNN_COLUMN_CODE = 1 + 3 * 8, RNN_FOUR_COLUMNS_CODE = 4 * RNN_COLUMN_CODE + 1 };

/* In: r0 weights, r1 x, r12 end of x, sums of rows 4 to 7 in r4 to r7, of rows 0 to 3 in r8 to r11.
 * Out: r0 weights behind the octet, sums with all columns. r1, r2 and r3 are anything. */
RNN_NAKED void rnn_columns(void)
{
    __asm__ volatile(
        ".syntax unified\n"
        "1:\n"
        RNN_TURN_OF_COLUMNS
        "cmp r1, r12\n"
        "beq 2f\n"
        "b 1b\n" /* a conditional branch does not reach */
        "2: bx lr" ::: "memory");
}

/* In: r1 y, r2 multiplier, a sum in a low register. Out: r3 = floor(sum * r * 2^-t), and what rounds
 * it half up is the carry, the last bit that asrs moves out; movs and ldrsh keep it.
 *
 * A multiplier is 2 r = 2^8 high + low above t - 7, so that floor(sum * 2 r * 2^-8) is
 * sum * high + floor(sum * low * 2^-8). |sum| < 2^23 and 2 r < 2^16: each of it is below 2^31. */
#define RNN_SCALE(sum, shift, low, high)                                                           \
    "ldrb r3, [r2, #" #high "]\n"                                                                  \
    "muls r3, " sum ", r3\n"                                                                       \
    "ldrb r0, [r2, #" #low "]\n"                                                                   \
    "muls " sum ", r0, " sum "\n"                                                                  \
    "asrs " sum ", " sum ", #8\n"                                                                  \
    "adds r3, r3, " sum "\n"                                                                       \
    "ldrb r0, [r2, #" #shift "]\n"                                                                 \
    "asrs r3, r0\n"

/* What follows it. r4 is 0; |r3| <= 2^29. */
#define RNN_ROUND "adcs r3, r4\n"
#define RNN_SATURATE_R3                                                                            \
    "sxth r0, r3\n cmp r0, r3\n beq 5f\n"                                                          \
    "asrs r3, r3, #31\n mvns r0, r4\n lsrs r0, r0, #17\n eors r3, r0\n" /* sign, 2^15 - 1 */       \
    "5:\n"
#define RNN_READ(to) "movs r0, #" #to "\n ldrsh r0, [r1, r0]\n"
#define RNN_WRITE(to) "strh r3, [r1, #" #to "]\n"

/* A row at the byte `to` of y. */
#define RNN_STORED(to) RNN_ROUND RNN_WRITE(to)
#define RNN_STORED_SATURATED(to) RNN_ROUND RNN_SATURATE_R3 RNN_WRITE(to)
#define RNN_ADDED(to) RNN_READ(to) "adcs r3, r0\n" RNN_SATURATE_R3 RNN_WRITE(to)
#define RNN_ADDED_SATURATED(to)                                                                    \
    RNN_ROUND RNN_SATURATE_R3 RNN_READ(to) "adds r3, r3, r0\n" RNN_SATURATE_R3 RNN_WRITE(to)

/* In: r0 rnn_thumb_octets, whose address stays on the stack, below the caller's registers. FINISH is
 * given r0 weights of the next octet, r1 y, r2 multiplier, the sums; it leaves r0 as it is, r1 and r2
 * behind the octet. */
#define RNN_EACH_OCTET(FINISH)                                                                     \
    __asm__ volatile(                                                                              \
        ".syntax unified\n"                                                                        \
        "push {r4-r7, lr}\n"                                                                       \
        "mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n"                                    \
        "push {r0, r4-r7}\n"                                                                       \
        "ldr r1, [r0, #32]\n mov r12, r1\n"                                                        \
        "ldr r0, [r0, #28]\n"                                                                      \
        "3:\n"                                                                                     \
        "ldr r3, [sp]\n ldr r1, [r3, #0]\n ldr r2, [r3, #4]\n"                                     \
        "ldmia r1!, {r4-r7}\n"                                                                     \
        "subs r4, r4, r2\n subs r5, r5, r2\n subs r6, r6, r2\n subs r7, r7, r2\n"                  \
        "mov r8, r4\n mov r9, r5\n mov r10, r6\n mov r11, r7\n"                                    \
        "ldmia r1!, {r4-r7}\n"                                                                     \
        "subs r4, r4, r2\n subs r5, r5, r2\n subs r6, r6, r2\n subs r7, r7, r2\n"                  \
        "str r1, [r3, #0]\n"                                                                       \
        "ldr r1, [r3, #36]\n subs r0, r0, r1\n"                                                    \
        "ldr r1, [r3, #8]\n ldr r2, [r3, #12]\n"                                                   \
        "blx r2\n"                                                                                 \
        "ldr r3, [sp]\n ldr r1, [r3, #16]\n ldr r2, [r3, #20]\n"                                   \
        FINISH                                                                                     \
        "ldr r3, [sp]\n"                                                                           \
        "str r1, [r3, #16]\n str r2, [r3, #20]\n"                                                  \
        "ldr r2, [r3, #24]\n cmp r1, r2\n"                                                         \
        "beq 4f\n"                                                                                 \
        "b 3b\n"                                                                                   \
        "4:\n"                                                                                     \
        "pop {r0, r4-r7}\n"                                                                        \
        "mov r8, r4\n mov r9, r5\n mov r10, r6\n mov r11, r7\n"                                    \
        "pop {r4-r7, pc}" ::: "memory")

#ifdef __OPTIMIZE_SIZE__

/* One row after the other: the sums go to the stack, r6 is `add`, r7 the end of the octet in y. */
#define RNN_FINISH_IN_TURN                                                                         \
    "mov lr, r0\n"                                                                                 \
    "ldr r0, [r3, #40]\n"                                                                          \
    "push {r4-r7}\n"                                                                               \
    "mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n"                                        \
    "push {r4-r7}\n"                                                                               \
    "movs r6, r0\n"                                                                                \
    "movs r7, r1\n adds r7, #16\n"                                                                 \
    "movs r4, #0\n"                                                                                \
    "6: pop {r5}\n"                                                                                \
    RNN_SCALE("r5", 0, 2, 3) RNN_ROUND RNN_SATURATE_R3                                             \
    "cmp r6, #0\n"                                                                                 \
    "beq 7f\n"                                                                                     \
    RNN_READ(0) "adds r3, r3, r0\n" RNN_SATURATE_R3                                                \
    "7:\n"                                                                                         \
    RNN_WRITE(0)                                                                                   \
    "adds r1, #2\n adds r2, #4\n"                                                                  \
    "cmp r1, r7\n"                                                                                 \
    "bne 6b\n"                                                                                     \
    "mov r0, lr\n"

RNN_NAKED void rnn_octets_in_turn(rnn_thumb_octets *octets __attribute__((unused)))
{
    RNN_EACH_OCTET(RNN_FINISH_IN_TURN);
}

RNN_PIECE void rnn_run_octets(rnn_thumb_octets *octets, int add, int saturates)
{
    (void)add;
    (void)saturates;
    rnn_octets_in_turn(octets);
}

#else

/* Rows 4 to 7 first: their sums are where they can be multiplied. */
#define RNN_FINISH_AT_ONCE(ROW)                                                                    \
    "mov lr, r0\n"                                                                                 \
    RNN_SCALE("r4", 16, 18, 19) "movs r4, #0\n" ROW(8)                                             \
    RNN_SCALE("r5", 20, 22, 23) ROW(10)                                                            \
    RNN_SCALE("r6", 24, 26, 27) ROW(12)                                                            \
    RNN_SCALE("r7", 28, 30, 31) ROW(14)                                                            \
    "mov r5, r8\n"  RNN_SCALE("r5", 0, 2, 3) ROW(0)                                                \
    "mov r5, r9\n"  RNN_SCALE("r5", 4, 6, 7) ROW(2)                                                \
    "mov r5, r10\n" RNN_SCALE("r5", 8, 10, 11) ROW(4)                                              \
    "mov r5, r11\n" RNN_SCALE("r5", 12, 14, 15) ROW(6)                                             \
    "adds r1, #16\n adds r2, #32\n"                                                                \
    "mov r0, lr\n"

RNN_NAKED void rnn_octets_stored(rnn_thumb_octets *octets __attribute__((unused)))
{
    RNN_EACH_OCTET(RNN_FINISH_AT_ONCE(RNN_STORED));
}

RNN_NAKED void rnn_octets_stored_saturated(rnn_thumb_octets *octets __attribute__((unused)))
{
    RNN_EACH_OCTET(RNN_FINISH_AT_ONCE(RNN_STORED_SATURATED));
}

RNN_NAKED void rnn_octets_added(rnn_thumb_octets *octets __attribute__((unused)))
{
    RNN_EACH_OCTET(RNN_FINISH_AT_ONCE(RNN_ADDED));
}

RNN_NAKED void rnn_octets_added_saturated(rnn_thumb_octets *octets __attribute__((unused)))
{
    RNN_EACH_OCTET(RNN_FINISH_AT_ONCE(RNN_ADDED_SATURATED));
}

RNN_PIECE void rnn_run_octets(rnn_thumb_octets *octets, int add, int saturates)
{
    if (add && saturates)
        rnn_octets_added_saturated(octets);
    else if (add)
        rnn_octets_added(octets);
    else if (saturates)
        rnn_octets_stored_saturated(octets);
    else
        rnn_octets_stored(octets);
}

#endif

/* clang-format on */
#ifdef __clang__
#pragma clang diagnostic pop
#endif

#endif
