/* Measures the step of a network and says what it found, as lines of a key and a number of eight
 * hexadecimal digits; the last key is `end`, or `wrong` with the step that computed other integers
 * than model_self_test.h has. rnn_edge/bench/firmware.py reads them.
 *
 * All ticks are those of port_cycles(), from the call of a function to its return, with two reads
 * of the counter in between: who reads them subtracts `empty`. From the build: BENCH_LAPS, where
 * the step calls rnn_lap(n) after each of so many operations.
 */
#include "model_self_test.h"
#include "port.h"

#include <stdbool.h>

#ifdef __AVR__
#include <avr/io.h>
#endif

/* A counter may interrupt the program where it starts over. Of two passes at most one has that
 * interrupt in a given step, unless the step is nearly as long as the counter counts. */
enum { PASSES = 2 };

static model_state state;
static model_input inputs[MODEL_INPUTS];
static model_output outputs[MODEL_OUTPUTS];

/* ---- Lines ---------------------------------------------------------------------------------- */

static void write_line(const RNN_FLASH char *key, uint32_t number)
{
    for (; *key != '\0'; key++)
        port_write((uint8_t)*key);
    port_write(' ');
    for (uint8_t digits = 8; digits > 0; digits--, number <<= 4) {
        const uint8_t digit = (uint8_t)(number >> 28);
        port_write((uint8_t)(digit < 10 ? '0' + digit : 'a' + digit - 10));
    }
    port_write('\n');
}

#define LINE(key, number)                                                                          \
    do {                                                                                           \
        static const RNN_FLASH char text[] = key;                                                  \
        write_line(text, number);                                                                  \
    } while (false)

/* ---- What is measured ----------------------------------------------------------------------- */

static void nothing(void)
{
}

static void thousand_instructions(void)
{
    __asm__ volatile(".rept 1000\n nop\n .endr");
}

static void step(void)
{
    model_step(&state, inputs, outputs);
}

/* Called through a pointer that is read anew each time, all of them are called in the same way. */
static void (*volatile work)(void);

__attribute__((noinline)) static uint32_t ticks(void)
{
    const uint32_t start = port_cycles();
    work();
    return port_cycles() - start;
}

static uint32_t ticks_of(void (*function)(void))
{
    work = function;
    return ticks();
}

/* ---- The self-test -------------------------------------------------------------------------- */

static void load_inputs(uint16_t index)
{
    const RNN_FLASH model_input *x = model_self_test_inputs + index * (uint32_t)MODEL_INPUTS;
    for (uint16_t i = 0; i < MODEL_INPUTS; i++)
        inputs[i] = x[i];
}

static bool outputs_are_right(uint16_t index)
{
    const RNN_FLASH model_output *y = model_self_test_outputs + index * (uint32_t)MODEL_OUTPUTS;
    for (uint16_t i = 0; i < MODEL_OUTPUTS; i++)
        if (outputs[i] != y[i])
            return false;
    return true;
}

static bool states_are_right(void)
{
    const int16_t *found = (const int16_t *)&state; /* it has nothing but arrays of int16_t */
    for (uint16_t i = 0; i < MODEL_STATE_BYTES / sizeof(int16_t); i++)
        if (found[i] != model_self_test_states[i])
            return false;
    return true;
}

/* ---- Stack ---------------------------------------------------------------------------------- */

enum { PAINT = 0xA5 };
#define LARGEST_STACK UINT16_C(60000) /* bytes: as far down as is painted */

static inline uintptr_t stack_pointer(void)
{
#ifdef __AVR__
    return SP; /* the first free byte */
#else
    uintptr_t lowest;
#ifdef __riscv
    __asm__ volatile("mv %0, sp" : "=r"(lowest));
#else
    __asm__ volatile("mov %0, sp" : "=r"(lowest));
#endif
    return lowest;
#endif
}

/* How far below the stack pointer of its caller a step writes. Nothing else may use the stack
 * meanwhile: called before port_init(), with interrupts off. */
__attribute__((noinline)) static uint32_t stack_of_step(void)
{
    const uintptr_t top = stack_pointer();
    uintptr_t low = (uintptr_t)port_stack_low();
    if (top - low > LARGEST_STACK)
        low = top - LARGEST_STACK;
    for (volatile uint8_t *p = (volatile uint8_t *)low; (uintptr_t)p < top; p++)
        *p = PAINT;
    step();
    while (low < top && *(volatile uint8_t *)low == PAINT)
        low++;
    return (uint32_t)(top - low);
}

/* ---- Laps ----------------------------------------------------------------------------------- */

#ifdef BENCH_LAPS

void rnn_lap(int n);

static uint32_t lap_start;
static uint32_t laps[BENCH_LAPS + 1]; /* ticks in all steps together; the last: up to the return */

void rnn_lap(int n)
{
    const uint32_t now = port_cycles();
    laps[n] += now - lap_start;
    lap_start = port_cycles();
}

static void reset_laps(void)
{
    for (uint16_t n = 0; n <= BENCH_LAPS; n++)
        laps[n] = 0;
}

/* What a lap of no operation counts. */
static uint32_t empty_lap(void)
{
    reset_laps();
    rnn_lap(0);
    rnn_lap(1);
    const uint32_t empty = laps[1];
    reset_laps();
    return empty;
}

static void measure_laps(void)
{
    LINE("lap_empty", empty_lap());
    model_reset(&state);
    for (uint16_t index = 0; index < MODEL_SELF_TEST_STEPS; index++) {
        load_inputs(index);
        lap_start = port_cycles();
        step();
        rnn_lap(BENCH_LAPS);
    }
    for (uint16_t n = 0; n <= BENCH_LAPS; n++)
        LINE("lap", laps[n]);
}

#else

static void measure_laps(void)
{
}

#endif

/* ---- Main ----------------------------------------------------------------------------------- */

static bool measure_steps(void)
{
    model_reset(&state);
    for (uint16_t index = 0; index < MODEL_SELF_TEST_STEPS; index++) {
        load_inputs(index);
        LINE("step", ticks_of(step));
        if (!outputs_are_right(index)) {
            LINE("wrong", index);
            return false;
        }
    }
    if (!states_are_right()) {
        LINE("wrong", MODEL_SELF_TEST_STEPS - 1);
        return false;
    }
    return true;
}

int main(void)
{
    const uint32_t stack = stack_of_step();
    bool right = true;
    port_init();
    LINE("stack", stack);
    LINE("nops", ticks_of(thousand_instructions));
    LINE("empty", ticks_of(nothing));
    for (uint8_t pass = 0; pass < PASSES && right; pass++)
        right = measure_steps();
    if (right) {
        measure_laps();
        LINE("end", 0);
    }
    for (;;)
        (void)port_read(); /* a link that writes in blocks writes the last one */
}
