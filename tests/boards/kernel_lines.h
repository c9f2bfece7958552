/* Checksums of what kernels give for the same numbers on every core, as lines for the UART. */
#ifndef KERNEL_LINES_H
#define KERNEL_LINES_H

#include "rnn_core.h"

enum { N = 64 };

/* Numbers from all of the range, the ends of it first; results, N behind one element and before
 * one that have to stay as they are. */
extern int16_t given[N], other[N], result[N + 2];
extern int8_t given8[N], result8[N + 2];
extern const int16_t end_values[8];

int16_t drawn(void);
void draw(void);
void clear_results(void);

/* A copy that ends where memory ends, or up to `alignment` - 1 bytes before to begin at a multiple
 * of it. */
void *at_end(const void *data, uint16_t bytes, uint16_t alignment);

/* A checksum is of all bytes since `begin_line`. */
void begin_line(void);
void add_bytes(const void *data, uint16_t bytes);
void end_line(const RNN_FLASH char *kernel, uint32_t parameter);

#define END(kernel, parameter)                                                                     \
    do {                                                                                           \
        static const RNN_FLASH char text[] = kernel;                                               \
        end_line(text, (uint32_t)(parameter));                                                     \
    } while (0)
#define SHOW(kernel, parameter, data, bytes)                                                       \
    do {                                                                                           \
        begin_line();                                                                              \
        add_bytes(data, bytes);                                                                    \
        END(kernel, parameter);                                                                    \
    } while (0)

void lanes(void);
void tails(void);
void every_input(void);
void products(void);

#endif
