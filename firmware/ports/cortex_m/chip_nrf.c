/* nRF51 and nRF52: the crystal, which the UART needs for its rate (nRF51 Reference Manual 3.0
 * chapter 13, nRF52840 Product Specification section 5.4). */
#include "bare.h"

#define CLOCK_HFCLKSTART REGISTER(0x40000000)
#define CLOCK_HFCLKSTARTED REGISTER(0x40000100)

void chip_init(void)
{
    CLOCK_HFCLKSTARTED = 0;
    CLOCK_HFCLKSTART = 1;
    while (CLOCK_HFCLKSTARTED == 0)
        ;
}
