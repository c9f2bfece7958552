/* Calls one kernel after the other for tests, but for the products of rnn_step.h. */
#include "lane_loops.h"
#include "requests.h"
#include "rnn_kernels.h"

#include <string.h>

/* q: the output is a new array (0), a (1) or b (2). */
static void elementwise(const char *kernel, int n, int p, int q)
{
    const int pair = strcmp(kernel, "add") == 0 || strcmp(kernel, "sub") == 0 || kernel[0] == 'm';
    int16_t *a = READ(int16_t, n);
    int16_t *b = pair ? READ(int16_t, n) : NULL;
    int16_t *y = q == 1 ? a : q == 2 ? b : MAKE(int16_t, n);
    if (strcmp(kernel, "add") == 0)
        loop_add(y, a, b, n);
    else if (strcmp(kernel, "sub") == 0)
        loop_sub(y, a, b, n);
    else if (strcmp(kernel, "mul") == 0)
        loop_mul(y, a, b, p, n);
    else if (strcmp(kernel, "sigmoid") == 0)
        loop_sigmoid(y, a, p, n);
    else if (strcmp(kernel, "tanh") == 0)
        loop_tanh(y, a, p, n);
    else if (strcmp(kernel, "relu") == 0)
        loop_relu(y, a, n);
    else
        exit(4);
    GIVE(y, n);
}

static void rescale(int n, int shift)
{
    int8_t *y = MAKE(int8_t, n);
    loop_rescale(y, READ(int16_t, n), shift, n);
    GIVE(y, n);
}

/* int8 values to an operand and back: from lanes, from bytes. */
static void operand(int n)
{
    int16_t *x = READ(int16_t, n);
    int8_t *x8 = MAKE(int8_t, n), *y = MAKE(int8_t, n);
    for (int i = 0; i < n; i++)
        x8[i] = (int8_t)x[i];
    RNN_OPERAND(stored, n);
    loop_operand(stored, x, n);
    rnn_narrow(y, stored, n);
    GIVE(y, n);
    RNN_WIDENED(wide, n);
    rnn_narrow(y, rnn_widen(wide, x8, n), n);
    GIVE(y, n);
}

static void gather(int n, int token, int tokens)
{
    const int8_t *table = READ(int8_t, n *tokens);
    int8_t *y = MAKE(int8_t, n);
    rnn_gather_s8(y, table, token, n);
    GIVE(y, n);
    RNN_OPERAND(row, n);
    rnn_gather_operand(row, table, token, n);
    rnn_narrow(y, row, n);
    GIVE(y, n);
}

/* Two elements in a byte. */
static void gather4(int n, int token, int tokens)
{
    const uint8_t *table = READ(uint8_t, (n + 1) / 2 * tokens);
    int8_t *y = MAKE(int8_t, n);
    rnn_gather4_s8(y, table, token, n);
    GIVE(y, n);
    RNN_OPERAND(row, n);
    rnn_gather4_operand(row, table, token, n);
    rnn_narrow(y, row, n);
    GIVE(y, n);
}

static void matvec64(int wide, int rows, int cols)
{
    int16_t *y = MAKE(int16_t, rows);
    rnn_linear64 w;
    w.rows = rows;
    w.cols = cols;
    w.weight = READ(int8_t, rows *cols);
    w.bias = READ(int32_t, rows);
    w.multiplier = READ(int16_t, rows);
    w.shift = READ(uint8_t, rows);
    if (wide) {
        rnn_matvec64_s16(y, READ(int16_t, cols), &w);
    } else {
        RNN_WIDENED(x, cols);
        rnn_matvec64_s8(y, rnn_widen(x, READ(int8_t, cols), cols), &w);
    }
    GIVE(y, rows);
}

/* `words` of weights; the results are written over y, or added to it. */
static void matvec4(const char *kernel, int rows, int cols, int words)
{
    const int wide = strstr(kernel, "_s16") != NULL, add = strstr(kernel, "_add") != NULL;
    rnn_linear4 w;
    w.rows = rows;
    w.cols = cols;
    w.headroom = *READ(int32_t, 1);
    w.bias_shift = *READ(int32_t, 1);
    w.weight = READ(uint32_t, words);
    w.bias = READ(int16_t, rows);
    w.scale = READ(uint8_t, rows);
    int16_t *y = READ(int16_t, rows);
    if (wide) {
        (add ? rnn_matvec4_add_s16 : rnn_matvec4_s16)(y, READ(int16_t, cols), &w);
    } else {
        RNN_WIDENED(x, cols);
        const rnn_operand *x8 = rnn_widen(x, READ(int8_t, cols), cols);
        (add ? rnn_matvec4_add_s8 : rnn_matvec4_s8)(y, x8, &w);
    }
    GIVE(y, rows);
}

static void scores(int soft, int wide, int n, int multiplier)
{
    const int16_t *x16 = wide ? READ(int16_t, n) : NULL;
    const int8_t *x8 = wide ? NULL : READ(int8_t, n);
    if (soft) {
        uint16_t *p = MAKE(uint16_t, n);
        if (wide)
            rnn_softmax_s16(p, x16, multiplier, n);
        else
            rnn_softmax_s8(p, x8, multiplier, n);
        GIVE(p, n);
    } else {
        const int32_t best = wide ? rnn_argmax_s16(x16, n) : rnn_argmax_s8(x8, n);
        GIVE(&best, 1);
    }
}

static void quantize(int raw, int wide, int n)
{
    int8_t *q8 = MAKE(int8_t, n);
    int16_t *q16 = MAKE(int16_t, n);
    const rnn_float_channel *from_float = raw ? NULL : READ(rnn_float_channel, n);
    const int64_t *channels = raw ? READ(int64_t, 3 * n) : NULL; /* gain, offset, shift */
    rnn_raw_channel *from_raw = MAKE(rnn_raw_channel, n);
    for (int i = 0; i < n && raw; i++) {
        from_raw[i].gain = (int32_t)channels[3 * i];
        from_raw[i].offset = channels[3 * i + 1];
        from_raw[i].shift = (uint8_t)channels[3 * i + 2];
    }
    if (raw && wide)
        rnn_quantize_s16_s16(q16, READ(int16_t, n), from_raw, n);
    else if (raw)
        rnn_quantize_s16_s8(q8, READ(int16_t, n), from_raw, n);
    else if (wide)
        rnn_quantize_f32_s16(q16, READ(float, n), from_float, n);
    else
        rnn_quantize_f32_s8(q8, READ(float, n), from_float, n);
    if (wide)
        GIVE(q16, n);
    else
        GIVE(q8, n);
}

/* Of p bytes, then of all n. */
static void crc(int n, int p)
{
    const uint8_t *data = READ(uint8_t, n);
    const uint32_t first = rnn_crc32(0, data, (uint32_t)p);
    const uint32_t both[] = {first, rnn_crc32(first, data + p, (uint32_t)(n - p))};
    GIVE(both, 2);
}

static void call(const char *kernel, int n, int p, int q)
{
    if (strcmp(kernel, "matvec64_s8") == 0 || strcmp(kernel, "matvec64_s16") == 0)
        matvec64(kernel[10] == '1', n, p);
    else if (strncmp(kernel, "matvec4_", 8) == 0)
        matvec4(kernel, n, p, q);
    else if (strncmp(kernel, "softmax_s", 9) == 0 || strncmp(kernel, "argmax_s", 8) == 0)
        scores(kernel[0] == 's', strstr(kernel, "_s16") != NULL, n, p);
    else if (strncmp(kernel, "quantize_", 9) == 0)
        quantize(kernel[9] == 's', strcmp(kernel + strlen(kernel) - 3, "s16") == 0, n);
    else if (strcmp(kernel, "rescale") == 0)
        rescale(n, p);
    else if (strcmp(kernel, "operand") == 0)
        operand(n);
    else if (strcmp(kernel, "gather") == 0)
        gather(n, p, q);
    else if (strcmp(kernel, "gather4") == 0)
        gather4(n, p, q);
    else if (strcmp(kernel, "crc32") == 0)
        crc(n, p);
    else
        elementwise(kernel, n, p, q);
}

int main(void)
{
    return answer(call);
}
