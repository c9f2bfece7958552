/* Calls one kernel after the other for tests: requests on standard input, raw results on standard
 * output. A request is the line `kernel n p q` and then its arrays, raw, in the order of `read`
 * below. Arrays are as long as the kernel may touch, so that a sanitizer sees one step beyond. */
#include "rnn_kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 16 };

static void *arrays[LIMIT];
static int used;

static void *array(size_t count, size_t size)
{
    void *memory = malloc(count * size);
    if (memory == NULL || used == LIMIT)
        exit(2);
    return arrays[used++] = memory;
}

static void *input(size_t count, size_t size)
{
    void *memory = array(count, size);
    if (fread(memory, size, count, stdin) != count)
        exit(3);
    return memory;
}

#define READ(type, count) ((type *)input((size_t)(count), sizeof(type)))
#define MAKE(type, count) ((type *)array((size_t)(count), sizeof(type)))
#define GIVE(data, count) fwrite(data, sizeof *(data), (size_t)(count), stdout)

/* q: the output is a new array (0), a (1) or b (2). */
static void elementwise(const char *kernel, int32_t n, int32_t p, int32_t q)
{
    const int pair = strcmp(kernel, "add") == 0 || strcmp(kernel, "sub") == 0 || kernel[0] == 'm';
    int16_t *a = READ(int16_t, n);
    int16_t *b = pair ? READ(int16_t, n) : NULL;
    int16_t *y = q == 1 ? a : q == 2 ? b : MAKE(int16_t, n);
    if (strcmp(kernel, "add") == 0)
        rnn_add_s16(y, a, b, n);
    else if (strcmp(kernel, "sub") == 0)
        rnn_sub_s16(y, a, b, n);
    else if (strcmp(kernel, "mul") == 0)
        rnn_mul_s16(y, a, b, p, n);
    else if (strcmp(kernel, "sigmoid") == 0)
        rnn_sigmoid_s16(y, a, p, n);
    else if (strcmp(kernel, "tanh") == 0)
        rnn_tanh_s16(y, a, p, n);
    else if (strcmp(kernel, "relu") == 0)
        rnn_relu_s16(y, a, n);
    else
        exit(4);
    GIVE(y, n);
}

static void matvec(int wide, int32_t rows, int32_t cols)
{
    int16_t *y = MAKE(int16_t, rows);
    rnn_linear w;
    w.rows = rows;
    w.cols = cols;
    w.weight = READ(int8_t, rows *cols);
    w.bias = READ(int32_t, rows);
    w.multiplier = READ(int16_t, rows);
    w.shift = READ(uint8_t, rows);
    if (wide)
        rnn_matvec_s16_s16(y, READ(int16_t, cols), &w);
    else
        rnn_matvec_s8_s16(y, READ(int8_t, cols), &w);
    GIVE(y, rows);
}

static void scores(int soft, int wide, int32_t n, int32_t multiplier)
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

static void quantize(int raw, int wide, int32_t n)
{
    int8_t *q8 = MAKE(int8_t, n);
    int16_t *q16 = MAKE(int16_t, n);
    const rnn_float_channel *from_float = raw ? NULL : READ(rnn_float_channel, n);
    const int64_t *channels = raw ? READ(int64_t, 3 * n) : NULL; /* gain, offset, shift */
    rnn_raw_channel *from_raw = MAKE(rnn_raw_channel, n);
    for (int32_t i = 0; i < n && raw; i++) {
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

static void call(const char *kernel, int32_t n, int32_t p, int32_t q)
{
    if (strcmp(kernel, "matvec_s8") == 0 || strcmp(kernel, "matvec_s16") == 0) {
        matvec(kernel[8] == '1', n, p);
    } else if (strncmp(kernel, "softmax_s", 9) == 0 || strncmp(kernel, "argmax_s", 8) == 0) {
        scores(kernel[0] == 's', strstr(kernel, "_s16") != NULL, n, p);
    } else if (strncmp(kernel, "quantize_", 9) == 0) {
        quantize(kernel[9] == 's', strcmp(kernel + strlen(kernel) - 3, "s16") == 0, n);
    } else if (strcmp(kernel, "rescale") == 0) {
        int8_t *y = MAKE(int8_t, n);
        rnn_rescale_s16_s8(y, READ(int16_t, n), p, n);
        GIVE(y, n);
    } else if (strcmp(kernel, "gather") == 0) {
        int8_t *y = MAKE(int8_t, n);
        rnn_gather_s8(y, READ(int8_t, n *q), p, n);
        GIVE(y, n);
    } else {
        elementwise(kernel, n, p, q);
    }
}

int main(void)
{
    char kernel[32];
    long n, p, q;
    while (scanf("%31s %ld %ld %ld", kernel, &n, &p, &q) == 4 && getchar() == '\n') {
        call(kernel, (int32_t)n, (int32_t)p, (int32_t)q);
        while (used > 0)
            free(arrays[--used]);
    }
    return feof(stdin) && fflush(stdout) == 0 ? 0 : 1;
}
