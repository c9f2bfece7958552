/* Sigmoid and tanh on a core that has the first Thumb instructions only, in assembler: a compiler
 * computes several curves at once, for which there are no registers. Part of rnn_portable_lanes.h,
 * whose rnn_sigmoid and rnn_tanh have the reasons and bounds; each value is the same here.
 *
 * 3 |x| is the place in the table in steps of 2^-bits, 4 <= bits <= 8.
 */
#ifndef RNN_THUMB_LANES_H
#define RNN_THUMB_LANES_H

#include "rnn_kernels.h"

/* clang-format off */

/* x = rest * rise, entry = the table's left one, sign = -1 for negative x, else 0 */
#define RNN_LOOK_UP_RISE                                                                           \
    ".syntax unified\n"                                                                            \
    "asrs %[sign], %[x], #31\n"                                                                    \
    "eors %[x], %[sign]\n"                                                                         \
    "subs %[x], %[x], %[sign]\n"                                                                   \
    "lsls %[next], %[x], #1\n"                                                                     \
    "adds %[x], %[x], %[next]\n"                                                                   \
    "cmp %[x], %[end]\n"                                                                           \
    "ble 1f\n"                                                                                     \
    "mov %[x], %[end]\n"                                                                           \
    "1: lsrs %[next], %[x], %[bits]\n"                                                             \
    "lsls %[next], %[next], #1\n"                                                                  \
    "adds %[next], %[next], %[table]\n"                                                            \
    ".if %c[bits] == 8\n uxtb %[x], %[x]\n"                                                         \
    ".else\n lsls %[x], %[x], %[above]\n lsrs %[x], %[x], %[above]\n .endif\n"                     \
    "ldrh %[entry], [%[next], #0]\n"                                                               \
    "ldrh %[next], [%[next], #2]\n"                                                                \
    "subs %[next], %[next], %[entry]\n"                                                            \
    "muls %[x], %[next], %[x]\n"

#define RNN_CURVE_REGISTERS                                                                        \
    [x] "+l"(x), [sign] "=&l"(sign), [next] "=&l"(next), [entry] "=&l"(entry)
#define RNN_CURVE_CONSTANTS                                                                        \
    [table] "l"(rnn_sigmoid_table), [end] "h"((INT32_C(255) << bits) - 1), [bits] "i"(bits),       \
        [above] "i"(32 - bits)

/* clang-format on */

RNN_PIECE rnn_lanes rnn_thumb_sigmoid(rnn_lanes x, int bits)
{
    int32_t sign, next, entry;
    __asm__(RNN_LOOK_UP_RISE "lsrs %[x], %[x], %[bits]\n"
                             "adds %[x], %[x], %[entry]\n"
                             "lsrs %[sign], %[sign], #16\n"
                             "eors %[x], %[sign]\n"
                             "adds %[x], %[x], #1\n"
                             "lsrs %[x], %[x], #1\n"
            : RNN_CURVE_REGISTERS
            : RNN_CURVE_CONSTANTS
            : "cc");
    RNN_ASSUME(x >= 0 && x <= INT16_MAX);
    return x;
}

RNN_PIECE rnn_lanes rnn_thumb_tanh(rnn_lanes x, int bits)
{
    int32_t sign, next, entry;
    __asm__(RNN_LOOK_UP_RISE "lsls %[entry], %[entry], #17\n" /* without its uppermost bit */
                             "lsrs %[entry], %[entry], %[left]\n"
                             "adds %[x], %[x], %[entry]\n"
                             "eors %[x], %[sign]\n"
                             "adds %[x], %[x], %[half]\n"
                             "asrs %[x], %[x], %[bits]\n"
            : RNN_CURVE_REGISTERS
            : RNN_CURVE_CONSTANTS, [left] "i"(17 - bits), [half] "i"(1 << (bits - 1))
            : "cc");
    RNN_ASSUME(x >= INT16_MIN && x <= INT16_MAX);
    return x;
}

#endif
