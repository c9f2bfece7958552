/* USART0 of ATmega: sends by polling; an interrupt fills a ring with what comes, so that nothing is
 * lost while a step runs. */
#include "port.h"
#include "uart.h"

#include <avr/interrupt.h>
#include <avr/io.h>

#ifdef USART_RX_vect /* chips with one USART do not number it here */
#define USART0_RX_vect USART_RX_vect
#endif

/* Eight cycles a sample (U2X): nearer to the usual rates than sixteen. */
#define DIVIDER ((PORT_CLOCK_HZ + INT32_C(4) * PORT_BAUD) / (INT32_C(8) * PORT_BAUD))
#define ACTUAL_BAUD (PORT_CLOCK_HZ / (8 * DIVIDER))

#if DIVIDER < 1 || DIVIDER > 4096 || ACTUAL_BAUD * 1000 > PORT_BAUD * 1025 ||                      \
    ACTUAL_BAUD * 1000 < PORT_BAUD * 975
#error "PORT_CLOCK_HZ has no divider within 2.5 % of PORT_BAUD: choose another baud rate."
#endif

enum { RING = 64 }; /* a power of two; one place stays free */

static volatile uint8_t ring[RING];
static volatile uint8_t first; /* moved by port_read alone */
static volatile uint8_t end;   /* moved by the interrupt alone */

void link_init(void)
{
    UBRR0 = DIVIDER - 1;
    UCSR0A = _BV(U2X0);
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00); /* 8N1 */
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
}

/* A byte that finds the ring full is lost; the frame's CRC tells. */
ISR(USART0_RX_vect)
{
    const uint8_t byte = UDR0;
    const uint8_t next = (uint8_t)((end + 1) % RING);
    if (next != first) {
        ring[end] = byte;
        end = next;
    }
}

int port_read(void)
{
    if (first == end)
        return -1;
    const uint8_t byte = ring[first];
    first = (uint8_t)((first + 1) % RING);
    return byte;
}

void port_write(uint8_t byte)
{
    while ((UCSR0A & _BV(UDRE0)) == 0)
        ;
    UDR0 = byte;
}
