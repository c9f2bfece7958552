/* Calls every kernel with the same numbers on every core and prints a checksum of what each gives:
 * `begin`, the layout, lines `kernel parameter checksum`, `end`. The tables are those of numbers.h.
 *
 * LARGE: all of it, with all 65,536 inputs where a kernel has one. MEMORY_END: an address
 * at which memory ends; without it an array is the end. */
#include "kernel_lines.h"
#include "numbers.h"
#include "port.h"
#include "rnn_kernels.h"
#include "rnn_step.h"

#include <string.h>

int16_t given[N], other[N], result[N + 2];
int8_t given8[N], result8[N + 2];

/* ---- Lines ---------------------------------------------------------------------------------- */

static uint32_t checksum; /* FNV-1a */

void begin_line(void)
{
    checksum = UINT32_C(2166136261);
}

void add_bytes(const void *data, uint16_t bytes)
{
    const uint8_t *byte = data;
    for (; bytes > 0; bytes--)
        checksum = (checksum ^ *byte++) * UINT32_C(16777619);
}

static void write_text(const RNN_FLASH char *text)
{
    for (; *text != '\0'; text++)
        port_write((uint8_t)*text);
}

static void write_hex(uint32_t number)
{
    for (int i = 28; i >= 0; i -= 4) {
        const uint8_t digit = (uint8_t)(number >> i & 15);
        port_write((uint8_t)(digit < 10 ? '0' + digit : 'a' + digit - 10));
    }
}

void end_line(const RNN_FLASH char *kernel, uint32_t parameter)
{
    write_text(kernel);
    port_write(' ');
    write_hex(parameter);
    port_write(' ');
    write_hex(checksum);
    port_write('\n');
}

/* ---- Numbers -------------------------------------------------------------------------------- */

const int16_t end_values[8] = {INT16_MIN, INT16_MAX, 0, -1, 1, 127, -128, 255};

int16_t drawn(void)
{
    static uint32_t state = 1;
    state = state * UINT32_C(1664525) + UINT32_C(1013904223);
    return (int16_t)(state >> 16);
}

void draw(void)
{
    for (int i = 0; i < N; i++) {
        given[i] = i < 16 ? end_values[i % 8] : drawn();
        other[i] = i < 16 ? end_values[i / 2] : drawn();
        given8[i] = (int8_t)((i < 16 ? end_values[i % 8] : drawn()) >> 8);
    }
}

void clear_results(void)
{
    memset(result, 0x5A, sizeof result);
    memset(result8, 0x5A, sizeof result8);
}

#ifdef MEMORY_END
#define ARRAYS_END ((uint8_t *)(uintptr_t)(MEMORY_END))
#else
static uint64_t memory[MOST_BYTES / 8 + 1];
#define ARRAYS_END ((uint8_t *)memory + sizeof memory)
#endif

void *at_end(const void *data, uint16_t bytes, uint16_t alignment)
{
    const uint16_t room = (uint16_t)((bytes + alignment - 1) / alignment * alignment);
    return memcpy(ARRAYS_END - room, data, bytes);
}

/* ---- Kernels that are the same on every core ------------------------------------------------ */

static void scores(void)
{
    static const int32_t multipliers[] = {1, 11770, INT32_C(1) << 20, INT32_MAX};
    uint16_t p[N];
    for (int i = 0; i < 4; i++) {
        rnn_softmax_s16(p, given, multipliers[i], N);
        SHOW("softmax_s16", multipliers[i], p, sizeof p);
        rnn_softmax_s8(p, given8, multipliers[i], N);
        SHOW("softmax_s8", multipliers[i], p, sizeof p);
    }
    for (int32_t n = 1; n <= N; n += 9) {
        const int32_t best = rnn_argmax_s16(given, n), best8 = rnn_argmax_s8(given8, n);
        SHOW("argmax_s16", n, &best, sizeof best);
        SHOW("argmax_s8", n, &best8, sizeof best8);
    }
}

static void inputs(void)
{
    float f[N];
    for (int i = 0; i < N; i++)
        f[i] = (float)given[i] / 64.0f + (i % 3 == 0 ? 0.5f : 0.0f);
    clear_results();
    rnn_quantize_f32_s8(result8, f, float_channels, N);
    SHOW("quantize_f32_s8", 0, result8, sizeof result8);
    rnn_quantize_f32_s16(result, f, float_channels, N);
    SHOW("quantize_f32_s16", 0, result, sizeof result);
    rnn_quantize_s16_s8(result8, given, raw_channels, N);
    SHOW("quantize_s16_s8", 0, result8, sizeof result8);
    rnn_quantize_s16_s16(result, given, raw_channels, N);
    SHOW("quantize_s16_s16", 0, result, sizeof result);
}

/* What a product takes whose requantization needs 64 bits, and what an embedding gives. */
static void products64(void)
{
    RNN_OPERAND(operand, COLS);
    RNN_WIDENED(wide, COLS);
    clear_results();
    rnn_matvec64_s8(result, rnn_widen(wide, given8, COLS), &linear_s8);
    SHOW("matvec64_s8", 0, result, sizeof result);
    rnn_matvec64_s16(result, given, &linear_s16);
    SHOW("matvec64_s16", 0, result, sizeof result);
    for (int32_t token = 0; token < TOKENS; token += 7) {
        rnn_gather_s8(result8, tokens_table, token, COLS);
        SHOW("gather_s8", token, result8, sizeof result8);
        rnn_gather_operand(operand, tokens_table, token, COLS);
        rnn_matvec64_s8(result, operand, &linear_s8);
        SHOW("gather_operand", token, result, sizeof result);
        rnn_narrow(result8, operand, COLS);
        SHOW("narrow", token, result8, sizeof result8);
        rnn_gather4_s8(result8, (const RNN_FLASH uint8_t *)tokens_table, token, COLS);
        SHOW("gather4_s8", token, result8, sizeof result8);
        rnn_gather4_operand(operand, (const RNN_FLASH uint8_t *)tokens_table, token, COLS);
        rnn_narrow(result8, operand, COLS);
        SHOW("gather4_operand", token, result8, sizeof result8);
    }
    const uint32_t crc = rnn_crc32(0, tokens_table, sizeof tokens_table);
    SHOW("crc32", 0, &crc, sizeof crc);
}

int main(void)
{
    port_init();
    static const RNN_FLASH char first[] = "begin\n" LAYOUT "\n", last[] = "end\n";
    write_text(first);
    for (int round = 0; round < 4; round++) {
        draw();
        lanes();
        tails();
        scores();
        inputs();
        products64();
    }
    products();
#ifdef LARGE
    every_input();
#endif
    write_text(last);
    return 0;
}
