/* What kind of core compiles this: it chooses the kernels and the layout of the tables.
 *
 * Exactly one of these is defined, by hand (-DRNN_NARROW) or here, by what the compiler says:
 *   RNN_MVE     vectors of 16 bytes (Cortex-M55, M85)
 *   RNN_DSP     two products of 16 bits at once (Cortex-M4, M7, M33 with DSP)
 *   RNN_WIDE    products of 64 bits (Cortex-M3, RISC-V, every desktop)
 *   RNN_NARROW  products of 32 bits at most (Cortex-M0, AVR)
 * All of them compute the same integers.
 */
#ifndef RNN_CORE_H
#define RNN_CORE_H

#include <stdint.h>

#if !defined(RNN_MVE) && !defined(RNN_DSP) && !defined(RNN_WIDE) && !defined(RNN_NARROW)
#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define RNN_MVE 1
#elif defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32)
#define RNN_DSP 1
#elif defined(__AVR__) || (defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1)
#define RNN_NARROW 1
#else
#define RNN_WIDE 1
#endif
#endif

/* Narrow, with the first Thumb instructions: a part is in assembler. */
#if defined(RNN_NARROW) && defined(__thumb__) && defined(__GNUC__)
#define RNN_THUMB_1
#endif

/* Constant tables lie in flash. That of an AVR has addresses of its own, which __flash says in C;
 * C++ has no word for it, so that tables have to be defined in C. */
#if defined(__AVR__) && defined(__FLASH)
#ifdef __STRICT_ANSI__
#error "The word __flash is GNU C: compile with -std=gnu99 or newer."
#endif
#define RNN_FLASH __flash
#else
#define RNN_FLASH
#endif

/* Where flash is slow, weights can be copied to RAM at start-up, as variables are:
 * -DRNN_WEIGHTS_IN_RAM. */
#ifdef RNN_WEIGHTS_IN_RAM
#ifdef __AVR__
#error "RNN_WEIGHTS_IN_RAM: the weights of an AVR stay in flash."
#endif
#define RNN_WEIGHTS __attribute__((section(".data.rnn_weights")))
#else
#define RNN_WEIGHTS
#endif

/* How a vector of int8 stands in memory for a product, as the core takes it: x + RNN_ORIGIN. */
#if defined(RNN_DSP)
typedef int16_t rnn_operand;
enum { RNN_ORIGIN = 0 };
#elif defined(RNN_NARROW)
typedef uint8_t rnn_operand;
enum { RNN_ORIGIN = 128 };
#else
typedef int8_t rnn_operand;
enum { RNN_ORIGIN = 0 };
#endif

/* A kernel in a header: part of its caller, whose sizes are constants; one shared function where
 * code is to be small (-Os). */
#if defined(__OPTIMIZE_SIZE__) || !defined(__GNUC__)
#define RNN_INLINE static inline
#else
#define RNN_INLINE static inline __attribute__((always_inline))
#endif

#endif
