/* What the device firmware needs of a board. One folder in firmware/ports/ implements it; its
 * start-up sets up memory and clocks as far as the board needs it, then calls main(). */
#ifndef PORT_H
#define PORT_H

#include <stdint.h>

/* Called once, first: clocks, UART, cycle counter. */
void port_init(void);

/* The next byte of the link, 0 to 255, or -1 where none has come yet. Never waits. */
int port_read(void);

/* Send one byte; waits until there is room. */
void port_write(uint8_t byte);

/* A counter of core cycles that wraps at 2^32; differences up to one wrap are right. */
uint32_t port_cycles(void);

/* The stack: from `port_stack_low` (the last byte it may reach) up to `port_stack_high`. */
uint8_t *port_stack_low(void);
uint8_t *port_stack_high(void);

#endif
