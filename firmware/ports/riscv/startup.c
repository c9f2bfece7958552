/* From reset to main() on RISC-V, and what happens after a trap (Privileged Architecture 1.12,
 * chapter 3). */
#include "bare.h"

__attribute__((noreturn)) void reset_handler(void);
__attribute__((noreturn)) void set_up(void);

/* A trap starts the firmware anew: a board that stops looks like one that is slow. It is aligned
 * as ESP32-C3 needs it, whose only mode is the vectored one. */
__asm__(".section .start, \"ax\"\n"
        ".globl reset_handler\n"
        ".balign 256\n"
        ".option push\n"
        ".option arch, +zicsr\n"
        "reset_handler:\n"
        "    csrci mstatus, 8\n" /* MIE: no interrupts */
        "    la sp, ld_stack_high\n"
        "    la t0, reset_handler\n"
        "    csrw mtvec, t0\n"
        "    j set_up\n"
        ".option pop\n"
        ".text\n");

/* Memory is not set up yet: no function may be called before it is. */
void set_up(void)
{
    const uint32_t *from = ld_data_from;
    if (from != ld_data_start) /* a loader may have put it in place */
        for (uint32_t *to = ld_data_start; to < ld_data_end; to++)
            *to = *from++;
    for (uint32_t *to = ld_bss_start; to < ld_bss_end; to++)
        *to = 0;
    (void)main();
    reset_handler();
}
