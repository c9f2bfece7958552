/* UART of Arm's CMSDK (DDI 0479, section 4.3: APB UART). */
#include "bare.h"
#include "port.h"

#define UART_DATA REGISTER(UART_BASE + 0x00)
#define UART_STATE REGISTER(UART_BASE + 0x04)
#define UART_CTRL REGISTER(UART_BASE + 0x08)
#define UART_BAUDDIV REGISTER(UART_BASE + 0x10)

enum { STATE_TX_FULL = 1, STATE_RX_FULL = 2, CTRL_TX_RX = 3 };

void link_init(void)
{
    UART_BAUDDIV = PORT_CLOCK_HZ / PORT_BAUD;
    UART_CTRL = CTRL_TX_RX;
}

int port_read(void)
{
    return (UART_STATE & STATE_RX_FULL) != 0 ? (int)(UART_DATA & 0xFF) : -1;
}

void port_write(uint8_t byte)
{
    while ((UART_STATE & STATE_TX_FULL) != 0)
        ;
    UART_DATA = byte;
}
