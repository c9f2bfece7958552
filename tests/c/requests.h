/* Requests on standard input, raw results on standard output: the line `kernel n p q`, then the
 * arrays that it reads, raw. Arrays are as long as the kernel may touch, so that a sanitizer sees
 * one step beyond. */
#ifndef REQUESTS_H
#define REQUESTS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIMIT = 16 };

static void *arrays[LIMIT];
static int used;

/* An array that begins `gap` bytes behind a multiple of 16 and ends where its memory ends. */
static inline void *array(size_t count, size_t size, size_t gap)
{
    uint8_t *memory = malloc(gap + count * size);
    if (memory == NULL || used == LIMIT)
        exit(2);
    arrays[used++] = memory;
    return memory + gap;
}

static inline void *input(size_t count, size_t size, size_t gap)
{
    void *memory = array(count, size, gap);
    if (fread(memory, size, count, stdin) != count)
        exit(3);
    return memory;
}

#define READ_BEHIND(gap, type, count) ((type *)input((size_t)(count), sizeof(type), (size_t)(gap)))
#define READ(type, count) READ_BEHIND(0, type, count)
#define MAKE(type, count) ((type *)array((size_t)(count), sizeof(type), 0))
#define GIVE(data, count) fwrite(data, sizeof *(data), (size_t)(count), stdout)

/* Answer all requests; the exit code of main. */
static inline int answer(void (*call)(const char *kernel, int n, int p, int q))
{
    char kernel[32];
    int n, p, q;
    while (scanf("%31s %d %d %d", kernel, &n, &p, &q) == 4 && getchar() == '\n') {
        call(kernel, n, p, q);
        while (used > 0)
            free(arrays[--used]);
    }
    return feof(stdin) && fflush(stdout) == 0 ? 0 : 1;
}

#endif
