/* UART of SiFive (FE310-G000 Manual, chapter 17). */
#include "bare.h"
#include "port.h"

#define UART_TXDATA REGISTER(UART_BASE + 0x00)
#define UART_RXDATA REGISTER(UART_BASE + 0x04)
#define UART_TXCTRL REGISTER(UART_BASE + 0x08)
#define UART_RXCTRL REGISTER(UART_BASE + 0x0C)
#define UART_DIV REGISTER(UART_BASE + 0x18)

#define FULL_OR_EMPTY (UINT32_C(1) << 31)

void link_init(void)
{
    UART_DIV = (PORT_CLOCK_HZ + PORT_BAUD / 2) / PORT_BAUD - 1;
    UART_TXCTRL = 1;
    UART_RXCTRL = 1;
}

int port_read(void)
{
    const uint32_t data = UART_RXDATA; /* reading takes the byte out */
    return (data & FULL_OR_EMPTY) == 0 ? (int)(data & 0xFF) : -1;
}

void port_write(uint8_t byte)
{
    while ((UART_TXDATA & FULL_OR_EMPTY) != 0)
        ;
    UART_TXDATA = byte;
}
