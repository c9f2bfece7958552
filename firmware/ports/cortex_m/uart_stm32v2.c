/* USART of STM32L4 (RM0351, chapter USART, section registers). */
#include "bare.h"
#include "port.h"

#define USART_CR1 REGISTER(UART_BASE + 0x00)
#define USART_BRR REGISTER(UART_BASE + 0x0C)
#define USART_ISR REGISTER(UART_BASE + 0x1C)
#define USART_ICR REGISTER(UART_BASE + 0x20)
#define USART_RDR REGISTER(UART_BASE + 0x24)
#define USART_TDR REGISTER(UART_BASE + 0x28)

enum { ISR_ORE = 1 << 3, ISR_RXNE = 1 << 5, ISR_TXE = 1 << 7, CR1_UE = 1, CR1_RE = 4, CR1_TE = 8 };

void link_init(void)
{
    USART_BRR = (PORT_CLOCK_HZ + PORT_BAUD / 2) / PORT_BAUD;
    USART_CR1 = CR1_UE | CR1_TE | CR1_RE;
}

int port_read(void)
{
    const uint32_t status = USART_ISR;
    if ((status & ISR_ORE) != 0)
        USART_ICR = ISR_ORE; /* an overrun blocks further bytes until it is cleared */
    return (status & ISR_RXNE) != 0 ? (int)(USART_RDR & 0xFF) : -1;
}

void port_write(uint8_t byte)
{
    while ((USART_ISR & ISR_TXE) == 0)
        ;
    USART_TDR = byte;
}
