/* UART of nRF51 and nRF52 (nRF51 Reference Manual 3.0 chapter 29, nRF52840 Product Specification
 * section 6.33) and the GPIO of its two pins (chapter 14, section 6.9). */
#include "bare.h"
#include "port.h"

#define UART_STARTRX REGISTER(UART_BASE + 0x000)
#define UART_STARTTX REGISTER(UART_BASE + 0x008)
#define UART_RXDRDY REGISTER(UART_BASE + 0x108)
#define UART_TXDRDY REGISTER(UART_BASE + 0x11C)
#define UART_ENABLE REGISTER(UART_BASE + 0x500)
#define UART_PSELTXD REGISTER(UART_BASE + 0x50C)
#define UART_PSELRXD REGISTER(UART_BASE + 0x514)
#define UART_RXD REGISTER(UART_BASE + 0x518)
#define UART_TXD REGISTER(UART_BASE + 0x51C)
#define UART_BAUDRATE REGISTER(UART_BASE + 0x524)
#define GPIO_OUTSET REGISTER(0x50000508)
#define GPIO_DIRSET REGISTER(0x50000518)

enum { ENABLE_UART = 4 };

/* The UART runs from 16 MHz whatever the core does: rate * 2^32 / 16e6, the low 12 bits zero. */
#define BAUDRATE ((uint32_t)(((uint64_t)(PORT_BAUD) << 32) / 16000000 + 0x800) & 0xFFFFF000)

void link_init(void)
{
    GPIO_OUTSET = UINT32_C(1) << UART_TX_PIN; /* idle is high */
    GPIO_DIRSET = UINT32_C(1) << UART_TX_PIN;
    UART_PSELTXD = UART_TX_PIN;
    UART_PSELRXD = UART_RX_PIN;
    UART_BAUDRATE = BAUDRATE;
    UART_ENABLE = ENABLE_UART;
    UART_STARTRX = 1;
    UART_STARTTX = 1;
}

int port_read(void)
{
    if (UART_RXDRDY == 0)
        return -1;
    UART_RXDRDY = 0; /* before RXD is read: the next byte sets it again */
    return (int)(UART_RXD & 0xFF);
}

void port_write(uint8_t byte)
{
    UART_TXDRDY = 0;
    UART_TXD = byte;
    while (UART_TXDRDY == 0)
        ;
}
