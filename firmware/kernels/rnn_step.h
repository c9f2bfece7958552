/* clang-format off */
/* What a step is made of: matrix-vector products, and loops over elements that take RNN_LANES of
 * them at once. Each file below has the same functions for one kind of core, and all of them
 * compute the same integers:
 *
 *   rnn_load, rnn_store*  lanes from and to memory; lanes behind the last element hold anything
 *   rnn_add, rnn_sub      sat16(a + b), sat16(a - b)
 *   rnn_mul               sat16(a * b * 2^-shift), rounded half up at one bit, then half away from
 *                         zero, 1 <= shift <= 30
 *   rnn_rescale           sat8(a * 2^-shift), rounded as rnn_mul, 1 <= shift <= 15
 *   rnn_shift             a * 2^-shift, rounded as rnn_mul, 1 <= shift <= 15
 *   rnn_sigmoid, rnn_tanh of a * 2^-fraction, in units of 2^-15, 0 <= fraction <= 12
 *   rnn_relu              max(a, 0)
 *   rnn_maximum           max(a, b)
 *   rnn_matvec_*          y = requantize(W x + b); x of int8 values or of int16
 *   rnn_matvec_add_*      y = sat16(y + requantize(W x + b))
 *   rnn_widen             int8 to the form that rnn_matvec_s8 takes
 */
/* clang-format on */
#ifndef RNN_STEP_H
#define RNN_STEP_H

#include "rnn_core.h"

#if defined(RNN_MVE)
#include "rnn_mve4.h"
#elif defined(RNN_DSP)
#include "rnn_dsp4.h"
#else
#include "rnn_portable4.h"
#endif

#endif
