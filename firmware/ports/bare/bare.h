/* What the files of a port without a C library share. */
#ifndef BARE_H
#define BARE_H

#include <stdint.h>

/* A register of 32 bits. */
#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* The files uart_*.c and link_semihosting.c each implement port_read, port_write and this. */
void link_init(void);

/* chip_*.c: oscillators, pins, watchdogs, before the link is set up. Boards without one need none.
 */
void chip_init(void);

/* cycles.c: port_cycles counts from here on. */
void cycles_init(void);

/* Places of the linker script. */
extern uint32_t ld_data_from[], ld_data_start[], ld_data_end[], ld_bss_start[], ld_bss_end[];
extern uint8_t ld_stack_low[], ld_stack_high[];

int main(void);

#endif
