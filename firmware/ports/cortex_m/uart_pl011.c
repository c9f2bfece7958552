/* UART PL011 (DDI 0183, chapter 3): LM3S, RP2040, RP2350. */
#include "bare.h"
#include "port.h"

#define UART_DR REGISTER(UART_BASE + 0x00)
#define UART_FR REGISTER(UART_BASE + 0x18)
#define UART_IBRD REGISTER(UART_BASE + 0x24)
#define UART_FBRD REGISTER(UART_BASE + 0x28)
#define UART_LCR_H REGISTER(UART_BASE + 0x2C)
#define UART_CR REGISTER(UART_BASE + 0x30)

enum { FR_RX_EMPTY = 1 << 4, FR_TX_FULL = 1 << 5, LCR_8_BITS_FIFO = 0x70, CR_RX_TX_ON = 0x301 };

/* Clock / (16 * rate) in units of 2^-6, rounded. */
#define DIVISOR ((uint32_t)((UINT64_C(8) * PORT_CLOCK_HZ / PORT_BAUD + 1) / 2))

void link_init(void)
{
    UART_CR = 0;
    UART_IBRD = DIVISOR >> 6;
    UART_FBRD = DIVISOR & 0x3F;
    UART_LCR_H = LCR_8_BITS_FIFO; /* after the divisors: it is what makes them count */
    UART_CR = CR_RX_TX_ON;
}

int port_read(void)
{
    return (UART_FR & FR_RX_EMPTY) == 0 ? (int)(UART_DR & 0xFF) : -1;
}

void port_write(uint8_t byte)
{
    while ((UART_FR & FR_TX_FULL) != 0)
        ;
    UART_DR = byte;
}
