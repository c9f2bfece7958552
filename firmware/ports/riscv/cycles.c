/* The cycle counter of the core: mcycle (Privileged Architecture 1.12, section 3.1.10), or the
 * performance counter that ESP32-C3 has in its place. */
#include "bare.h"
#include "port.h"

#ifndef CYCLES_CSR
#define CYCLES_CSR 0xB00
#endif

/* An assembler takes instructions on CSRs for an extension, which -march need not name. */
#define CSR(instruction) ".option push\n .option arch, +zicsr\n" instruction "\n.option pop"

void cycles_init(void)
{
#ifdef CYCLES_EVENT_CSR
    __asm__ volatile(CSR("csrwi %0, 1\n csrwi %1, 1")::"i"(CYCLES_EVENT_CSR), "i"(CYCLES_MODE_CSR));
#endif
}

uint32_t port_cycles(void)
{
    uint32_t now;
    __asm__ volatile(CSR("csrr %0, %1") : "=r"(now) : "i"(CYCLES_CSR));
    return now;
}
