/* Calls every kernel with the same numbers on every core and prints a checksum of what each gives:
 * a line `kernel parameter CRC`, then `end`. The tables are in avr_tables.h. */
#include "avr_tables.h"
#include "port.h"
#include "rnn_kernels.h"

enum { N = 96 };

static int16_t a[N], b[N], y[N];
static int8_t a8[N], y8[N];
static uint16_t p[N];
static float f[N];

static uint32_t random_state = 1;

static uint16_t drawn(void)
{
    random_state = random_state * UINT32_C(1664525) + UINT32_C(1013904223);
    return (uint16_t)(random_state >> 16);
}

static void write_text(const char *text)
{
    while (*text != '\0')
        port_write((uint8_t)*text++);
}

static void write_hex(uint32_t number)
{
    for (int i = 28; i >= 0; i -= 4) {
        const uint8_t digit = (uint8_t)(number >> i & 15);
        port_write((uint8_t)(digit < 10 ? '0' + digit : 'a' + digit - 10));
    }
}

static void show(const char *kernel, int32_t parameter, const void *data, uint16_t bytes)
{
    const uint8_t *byte = data;
    uint32_t reg = 0xFFFFFFFF;
    for (; bytes > 0; bytes--)
        reg = rnn_crc32_register(reg, *byte++);
    write_text(kernel);
    port_write(' ');
    write_hex((uint32_t)parameter);
    port_write(' ');
    write_hex(~reg);
    write_text("\n");
}

/* Numbers from all of the range, the ends of it first. */
static void draw(void)
{
    static const int16_t ends[] = {INT16_MIN, INT16_MAX, 0, -1, 1, 127, -128, 255};
    for (int i = 0; i < N; i++) {
        a[i] = i < 16 ? ends[i % 8] : (int16_t)drawn();
        b[i] = i < 16 ? ends[i / 2] : (int16_t)drawn();
        a8[i] = (int8_t)(i < 16 ? ends[i % 8] >> 8 : (int16_t)drawn() >> 8);
        f[i] = (float)a[i] / 64.0f + (i % 3 == 0 ? 0.5f : 0.0f);
    }
}

static void elementwise(void)
{
    rnn_add_s16(y, a, b, N);
    show("add", 0, y, sizeof y);
    rnn_sub_s16(y, a, b, N);
    show("sub", 0, y, sizeof y);
    rnn_relu_s16(y, a, N);
    show("relu", 0, y, sizeof y);
    for (int32_t shift = 1; shift <= 30; shift++) {
        rnn_mul_s16(y, a, b, shift, N);
        show("mul", shift, y, sizeof y);
    }
    for (int32_t shift = 1; shift <= 15; shift++) {
        rnn_rescale_s16_s8(y8, a, shift, N);
        show("rescale", shift, y8, sizeof y8);
    }
    for (int32_t fraction = 0; fraction <= 12; fraction++) {
        rnn_sigmoid_s16(y, a, fraction, N);
        show("sigmoid", fraction, y, sizeof y);
        rnn_tanh_s16(y, a, fraction, N);
        show("tanh", fraction, y, sizeof y);
    }
}

static void scores(void)
{
    static const int32_t multipliers[] = {1, 11770, INT32_C(1) << 20, INT32_MAX};
    for (int i = 0; i < 4; i++) {
        rnn_softmax_s16(p, a, multipliers[i], N);
        show("softmax_s16", multipliers[i], p, sizeof p);
        rnn_softmax_s8(p, a8, multipliers[i], N);
        show("softmax_s8", multipliers[i], p, sizeof p);
    }
    for (int32_t n = 1; n <= N; n += 19) {
        const int32_t best = rnn_argmax_s16(a, n), best8 = rnn_argmax_s8(a8, n);
        show("argmax_s16", n, &best, sizeof best);
        show("argmax_s8", n, &best8, sizeof best8);
    }
}

static void tables(void)
{
    rnn_matvec_s8_s16(y, a8, &linear_s8);
    show("matvec_s8", 0, y, 2 * ROWS);
    rnn_matvec_s16_s16(y, a, &linear_s16);
    show("matvec_s16", 0, y, 2 * ROWS);
    for (int32_t token = 0; token < TOKENS; token += 7) {
        rnn_gather_s8(y8, tokens_table, token, 8);
        show("gather", token, y8, 8);
    }
    rnn_quantize_f32_s8(y8, f, float_channels, N);
    show("quantize_f32_s8", 0, y8, sizeof y8);
    rnn_quantize_f32_s16(y, f, float_channels, N);
    show("quantize_f32_s16", 0, y, sizeof y);
    rnn_quantize_s16_s8(y8, a, raw_channels, N);
    show("quantize_s16_s8", 0, y8, sizeof y8);
    rnn_quantize_s16_s16(y, a, raw_channels, N);
    show("quantize_s16_s16", 0, y, sizeof y);
    const uint32_t crc = rnn_crc32(0, tokens_table, sizeof tokens_table);
    show("crc32", 0, &crc, sizeof crc);
}

int main(void)
{
    port_init();
    for (int round = 0; round < 4; round++) {
        draw();
        elementwise();
        scores();
        tables();
    }
    write_text("end\n");
    return 0;
}
