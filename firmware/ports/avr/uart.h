#ifndef UART_H
#define UART_H

/* A file uart_*.c implements port_read, port_write and this. */
void link_init(void);

#endif
