/* USART of STM32F1 and STM32F4 (RM0041 and RM0090, chapter USART, section registers). */
#include "bare.h"
#include "port.h"

#define USART_SR REGISTER(UART_BASE + 0x00)
#define USART_DR REGISTER(UART_BASE + 0x04)
#define USART_BRR REGISTER(UART_BASE + 0x08)
#define USART_CR1 REGISTER(UART_BASE + 0x0C)

enum { SR_RXNE = 1 << 5, SR_TXE = 1 << 7, CR1_RE = 1 << 2, CR1_TE = 1 << 3, CR1_UE = 1 << 13 };

void link_init(void)
{
    USART_BRR = (PORT_CLOCK_HZ + PORT_BAUD / 2) / PORT_BAUD;
    USART_CR1 = CR1_UE | CR1_TE | CR1_RE;
}

int port_read(void)
{
    return (USART_SR & SR_RXNE) != 0 ? (int)(USART_DR & 0xFF) : -1;
}

void port_write(uint8_t byte)
{
    while ((USART_SR & SR_TXE) == 0)
        ;
    USART_DR = byte;
}
