/* What every port without a C library does the same way. */
#include "bare.h"
#include "port.h"

__attribute__((weak)) void chip_init(void)
{
}

void port_init(void)
{
    chip_init();
    cycles_init();
    link_init();
}

uint8_t *port_stack_low(void)
{
    return ld_stack_low;
}

uint8_t *port_stack_high(void)
{
    return ld_stack_high;
}
