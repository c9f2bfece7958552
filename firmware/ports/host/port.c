/* The device as a process: its link is standard input and output. For tests; ends with its input.
 */
#define _POSIX_C_SOURCE 200809L

#include "port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The stack of a process is not ours to paint; this array stands for it, with USED bytes in use. */
enum { STACK = 1024, USED = 100 };
static uint8_t stack[STACK];

void port_init(void)
{
    memset(stack + STACK - USED, 0, USED);
}

/* Waits, unlike that of a board: nothing else is to do in this process. */
int port_read(void)
{
    static uint8_t buffer[4096];
    static ssize_t count, next;
    if (next == count) {
        if (fflush(stdout) != 0)
            exit(EXIT_FAILURE);
        count = read(STDIN_FILENO, buffer, sizeof buffer);
        next = 0;
        if (count <= 0)
            exit(count == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    return buffer[next++];
}

void port_write(uint8_t byte)
{
    if (putchar(byte) == EOF)
        exit(EXIT_FAILURE);
}

/* Nanoseconds: PORT_CLOCK_HZ is 10^9. */
uint32_t port_cycles(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
}

uint8_t *port_stack_low(void)
{
    return stack;
}

uint8_t *port_stack_high(void)
{
    return stack + STACK;
}
