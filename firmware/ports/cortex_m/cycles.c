/* The cycle counter: that of the debug unit, CYCCNT, 32 bits, where the core has it and it runs
 * (DDI 0403, section C1.8); otherwise SysTick, 24 bits, extended by counting how often it starts
 * over (DDI 0419, DDI 0403, DDI 0553, section B3.3). nRF51 has neither; its TIMER0 has 32 bits and
 * the clock of the core, 16 MHz (nRF51 Reference Manual 3.0, chapter 18). */
#include "bare.h"
#include "port.h"

#include <stdbool.h>

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

#ifdef __ARM_ARCH_6M__ /* no CYCCNT */

static bool start_cyccnt(void)
{
    return false;
}

static uint32_t cyccnt(void)
{
    return 0;
}

#else

#define DEMCR REGISTER(0xE000EDFC)
#define DWT_CTRL REGISTER(0xE0001000)
#define DWT_CYCCNT REGISTER(0xE0001004)
#define DWT_LAR REGISTER(0xE0001FB0) /* a lock that Cortex-M7 has */

#define DEMCR_TRCENA (UINT32_C(1) << 24)
#define CTRL_NOCYCCNT (UINT32_C(1) << 25)
#define CTRL_CYCCNTENA UINT32_C(1)
#define LAR_KEY UINT32_C(0xC5ACCE55)

/* Does it count from here on? An emulator may have the registers and no counter behind them. */
static bool start_cyccnt(void)
{
    DEMCR |= DEMCR_TRCENA;
    DWT_LAR = LAR_KEY;
    if ((DWT_CTRL & CTRL_NOCYCCNT) != 0)
        return false;
    DWT_CYCCNT = 0;
    DWT_CTRL |= CTRL_CYCCNTENA;
    const uint32_t first = DWT_CYCCNT;
    __asm__ volatile("nop\n nop\n nop\n nop" ::: "memory");
    return DWT_CYCCNT != first;
}

static uint32_t cyccnt(void)
{
    return DWT_CYCCNT;
}

#endif

#define SYST_CSR REGISTER(0xE000E010)
#define SYST_RVR REGISTER(0xE000E014)
#define SYST_CVR REGISTER(0xE000E018)

enum { CSR_ENABLE = 1, CSR_TICKINT = 2, CSR_CORE_CLOCK = 4, LAST = 0xFFFFFF };

static bool has_cyccnt;
static volatile uint32_t reloads; /* of SysTick */

void systick_handler(void);

void cycles_init(void)
{
    has_cyccnt = start_cyccnt();
    if (has_cyccnt)
        return;
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
    if (has_cyccnt)
        return cyccnt();
    do {
        before = reloads;
        now = SYST_CVR;
        __asm__ volatile("isb" ::: "memory");
    } while (before != reloads);
    return (before << 24) + (LAST - now);
}

#endif
