/* The cycle counter: SysTick, 24 bits, extended by counting how often it starts over (DDI 0419,
 * DDI 0403, DDI 0553, section B3.3). nRF51 has no SysTick; its TIMER0 has 32 bits and the clock of
 * the core, 16 MHz (nRF51 Reference Manual 3.0, chapter 18). */
#include "bare.h"
#include "port.h"

#ifdef CYCLES_TIMER_BASE

#define TIMER_START REGISTER(CYCLES_TIMER_BASE + 0x000)
#define TIMER_CAPTURE0 REGISTER(CYCLES_TIMER_BASE + 0x040)
#define TIMER_BITMODE REGISTER(CYCLES_TIMER_BASE + 0x508)
#define TIMER_PRESCALER REGISTER(CYCLES_TIMER_BASE + 0x510)
#define TIMER_CC0 REGISTER(CYCLES_TIMER_BASE + 0x540)

enum { BITMODE_32 = 3 };

void cycles_init(void)
{
    TIMER_BITMODE = BITMODE_32;
    TIMER_PRESCALER = 0;
    TIMER_START = 1;
}

uint32_t port_cycles(void)
{
    TIMER_CAPTURE0 = 1;
    return TIMER_CC0;
}

#else

#define SYST_CSR REGISTER(0xE000E010)
#define SYST_RVR REGISTER(0xE000E014)
#define SYST_CVR REGISTER(0xE000E018)

enum { CSR_ENABLE = 1, CSR_TICKINT = 2, CSR_CORE_CLOCK = 4, LAST = 0xFFFFFF };

static volatile uint32_t reloads;

void systick_handler(void);

void cycles_init(void)
{
    SYST_RVR = LAST;
    SYST_CVR = 0;
    SYST_CSR = CSR_ENABLE | CSR_TICKINT | CSR_CORE_CLOCK;
}

void systick_handler(void)
{
    reloads++;
}

/* SysTick counts down. Its interrupt is taken at the isb at the latest, so a reload that `now`
 * already shows is counted before the second look. */
uint32_t port_cycles(void)
{
    uint32_t before, now;
    do {
        before = reloads;
        now = SYST_CVR;
        __asm__ volatile("isb" ::: "memory");
    } while (before != reloads);
    return (before << 24) + (LAST - now);
}

#endif
