/* UART0 of ESP32-C3 (Technical Reference Manual, chapter 26). Its pins are those of reset. */
#include "bare.h"
#include "port.h"

#define UART_FIFO REGISTER(UART_BASE + 0x00)
#define UART_CLKDIV REGISTER(UART_BASE + 0x14)
#define UART_STATUS REGISTER(UART_BASE + 0x1C)
#define UART_CLK_CONF REGISTER(UART_BASE + 0x78)
#define UART_ID REGISTER(UART_BASE + 0x80)

#define UART_REG_UPDATE (UINT32_C(1) << 31)

/* Receiver, transmitter and core on; from the crystal (3), undivided. */
#define CLK_CONF_XTAL (1 << 25 | 1 << 24 | 1 << 22 | 3 << 20)

enum { XTAL_HZ = 40000000, TX_FIFO_BYTES = 128 };

/* Clock / rate in units of 1/16. */
#define DIVISOR (UINT32_C(16) * XTAL_HZ / PORT_BAUD)

void link_init(void)
{
    UART_CLK_CONF = CLK_CONF_XTAL;
    UART_CLKDIV = DIVISOR >> 4 | (DIVISOR & 0xF) << 20;
    UART_ID |= UART_REG_UPDATE; /* what was written counts when this bit has gone */
    while ((UART_ID & UART_REG_UPDATE) != 0)
        ;
}

int port_read(void)
{
    return (UART_STATUS & 0x3FF) != 0 ? (int)(UART_FIFO & 0xFF) : -1;
}

void port_write(uint8_t byte)
{
    while ((UART_STATUS >> 16 & 0x3FF) >= TX_FIFO_BYTES - 1)
        ;
    UART_FIFO = byte;
}
