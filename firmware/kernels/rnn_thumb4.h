/* Columns of four rows of weights of 4 bits on a core that has the first Thumb instructions only,
 * in assembler: a compiler moves sums and operands to and fro between the stack and the eight
 * registers that do everything, which suffice. The integers are those of rnn_portable4.h.
 */
#ifndef RNN_THUMB4_H
#define RNN_THUMB4_H

#include "rnn_thumb.h"

/* clang-format off */

/* r5 = x[at], the operand being x + 128 */
#define RNN_LOAD4(at) "ldrb r5, [r1, #" #at "]\n subs r5, #128\n"
/* sum += (pair & two rows) * r5, two rows 16 bits apart */
#define RNN_TWO_ROWS4(sum, pair)                                                                   \
    "ands " pair ", r2\n muls " pair ", r5, " pair "\n adds " sum ", " sum ", " pair "\n"
/* lower += sum's lower half, signed; upper += what is left in its upper half */
#define RNN_SPLIT4(lower, upper, sum)                                                              \
    "sxth r1, " sum "\n adds " lower ", " lower ", r1\n"                                           \
    "subs " sum ", " sum ", r1\n asrs " sum ", " sum ", #16\n"                                     \
    "adds " upper ", " upper ", " sum "\n"

/* Adds 1 to RNN_PART4 columns to `sum`; returns the weights behind them.
 * r0 weights, r1 x, r2 the bits of two rows, r6 rows a and c, r7 rows b and d, lr the end of x in
 * pairs, r12 `sum`. */
RNN_NAKED const uint32_t *rnn_columns4_s8(uint32_t *sum __attribute__((unused)),
                                          const uint32_t *word __attribute__((unused)),
                                          const uint8_t *x __attribute__((unused)),
                                          int cols __attribute__((unused)))
{
    __asm__ volatile(
        ".syntax unified\n"
        "push {r3-r7, lr}\n"
        "mov r12, r0\n movs r0, r1\n movs r1, r2\n"
        "lsrs r3, r3, #1\n lsls r3, r3, #1\n adds r3, r3, r1\n mov lr, r3\n"
        "movs r2, #15\n lsls r3, r2, #16\n orrs r2, r3\n"
        "movs r6, #0\n movs r7, #0\n"
        "b 2f\n"
        "1:\n"
        "ldmia r0!, {r3}\n"
        RNN_LOAD4(0)
        "movs r4, r3\n"      RNN_TWO_ROWS4("r6", "r4")
        "lsrs r4, r3, #8\n"  RNN_TWO_ROWS4("r7", "r4")
        RNN_LOAD4(1)
        "lsrs r4, r3, #4\n"  RNN_TWO_ROWS4("r6", "r4")
        "lsrs r3, r3, #12\n" RNN_TWO_ROWS4("r7", "r3")
        "adds r1, #2\n"
        "2: cmp r1, lr\n"
        "bne 1b\n"
        "pop {r3}\n"
        "lsls r3, r3, #31\n"
        "bpl 3f\n" /* an even number of columns */
        "ldmia r0!, {r3}\n"
        RNN_LOAD4(0)
        "movs r4, r3\n"      RNN_TWO_ROWS4("r6", "r4")
        "lsrs r3, r3, #8\n"  RNN_TWO_ROWS4("r7", "r3")
        "3: mov r1, r12\n"
        "ldmia r1!, {r2-r5}\n"
        RNN_SPLIT4("r2", "r4", "r6")
        RNN_SPLIT4("r3", "r5", "r7")
        "mov r1, r12\n"
        "stmia r1!, {r2-r5}\n"
        "pop {r4-r7, pc}" ::: "memory");
}

/* clang-format on */

#endif
