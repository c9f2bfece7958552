/* AVR: the watchdog, Timer 1 as the cycle counter, the bounds of the stack.
 *
 * Start-up and linker script are those of avr-gcc and avr-libc, so there is no link.ld here.
 */
#include "port.h"
#include "uart.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/wdt.h>

/* A bootloader starts the firmware by letting the watchdog bite. It stays on after that reset, as
 * short as it was, for as long as WDRF is set: it has to go off before memory is set up. */
__attribute__((naked, used, section(".init3"))) void port_watchdog_off(void);

void port_watchdog_off(void)
{
    MCUSR = 0;
    wdt_disable();
}

static volatile uint16_t overflows; /* of Timer 1, which counts the lower 16 bits */

ISR(TIMER1_OVF_vect)
{
    overflows++;
}

void port_init(void)
{
    TCCR1A = 0;
    TCCR1B = _BV(CS10); /* a count each cycle */
    TIMSK1 = _BV(TOIE1);
    link_init();
    sei();
}

/* With interrupts off, TCNT1 may pass zero unseen: TOV1 then is set, and the count is small if that
 * was before it was read. */
uint32_t port_cycles(void)
{
    const uint8_t status = SREG;
    cli();
    const uint16_t low = TCNT1;
    uint16_t high = overflows;
    if ((TIFR1 & _BV(TOV1)) != 0 && low < 0x8000u)
        high++;
    SREG = status;
    return (uint32_t)high << 16 | low;
}

extern uint8_t __heap_start[]; /* of the linker script: the first byte behind all variables */

uint8_t *port_stack_low(void)
{
    return __heap_start;
}

uint8_t *port_stack_high(void)
{
    return (uint8_t *)RAMEND + 1;
}
