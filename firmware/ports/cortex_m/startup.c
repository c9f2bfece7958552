/* From reset to main() on Cortex-M, and what happens after a fault.
 *
 * Armv6-M, Armv7-M and Armv8-M Architecture Reference Manuals (DDI 0419, DDI 0403, DDI 0553):
 * B1.5 exceptions, B3.2 system control block, B3.3 SysTick. */
#include "bare.h"

#define SCB_VTOR REGISTER(0xE000ED08)
#define SCB_AIRCR REGISTER(0xE000ED0C)
#define SCB_CPACR REGISTER(0xE000ED88)

enum { AIRCR_VECTKEY_SYSRESETREQ = 0x05FA0004 };

__attribute__((noreturn)) void reset_handler(void);
__attribute__((noreturn)) void fault_handler(void);
__attribute__((weak)) void systick_handler(void); /* none where SysTick is not used */

typedef struct {
    uint8_t *stack;
    void (*handlers[15])(void);
} vector_table;

__attribute__((section(".vectors"), used)) const vector_table vectors = {
    .stack = ld_stack_high,
    .handlers =
        {
            reset_handler,
            fault_handler, /* NMI */
            fault_handler, /* HardFault */
            fault_handler, /* MemManage */
            fault_handler, /* BusFault */
            fault_handler, /* UsageFault */
            fault_handler, /* SecureFault */
            fault_handler,
            fault_handler,
            fault_handler,
            fault_handler, /* SVCall */
            fault_handler, /* debug monitor */
            fault_handler,
            fault_handler, /* PendSV */
            systick_handler,
        },
};

/* Memory is not set up yet: no function may be called before it is. */
void reset_handler(void)
{
#ifndef __ARM_ARCH_6M__ /* without VTOR the table is where reset found it */
    SCB_VTOR = (uint32_t)(uintptr_t)&vectors;
#endif
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    SCB_CPACR |= UINT32_C(0xF) << 20; /* full access to the coprocessors 10 and 11 */
    __asm__ volatile("dsb\n isb" ::: "memory");
#endif
    const uint32_t *from = ld_data_from;
    for (uint32_t *to = ld_data_start; to < ld_data_end; to++)
        *to = *from++;
    for (uint32_t *to = ld_bss_start; to < ld_bss_end; to++)
        *to = 0;
    (void)main();
    fault_handler();
}

/* A board that stops looks like one that is slow; one that starts again says so in its banner. */
void fault_handler(void)
{
    __asm__ volatile("dsb" ::: "memory");
    SCB_AIRCR = AIRCR_VECTKEY_SYSRESETREQ;
    for (;;)
        ;
}
