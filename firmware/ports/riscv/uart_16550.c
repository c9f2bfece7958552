/* UART 16550 (National Semiconductor PC16550D, section 8), one byte a register. */
#include "bare.h"
#include "port.h"

#define UART(offset) (*(volatile uint8_t *)(UART_BASE + (offset)))
#define UART_DATA UART(0)
#define UART_FCR UART(2)
#define UART_LCR UART(3)
#define UART_LSR UART(5)
#define UART_DLL UART(0) /* these two while LCR_DIVISOR is set */
#define UART_DLM UART(1)

enum { LSR_RX_READY = 1, LSR_TX_EMPTY = 0x20, LCR_8_BITS = 3, LCR_DIVISOR = 0x80, FCR_ENABLE = 1 };

#define DIVISOR ((UART_CLOCK_HZ + 8 * PORT_BAUD) / (16 * PORT_BAUD))

void link_init(void)
{
    UART_LCR = LCR_8_BITS | LCR_DIVISOR;
    UART_DLL = DIVISOR & 0xFF;
    UART_DLM = DIVISOR >> 8;
    UART_LCR = LCR_8_BITS;
    UART_FCR = FCR_ENABLE;
}

int port_read(void)
{
    return (UART_LSR & LSR_RX_READY) != 0 ? UART_DATA : -1;
}

void port_write(uint8_t byte)
{
    while ((UART_LSR & LSR_TX_EMPTY) == 0)
        ;
    UART_DATA = byte;
}
