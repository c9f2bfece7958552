/* FE310: core from the crystal, 16 MHz, and the pins of UART0 (FE310-G000 Manual: chapter 7 clock
 * generation, 16 GPIO). */
#include "bare.h"

#define PRCI_HFXOSCCFG REGISTER(0x10008004)
#define PRCI_PLLCFG REGISTER(0x10008008)
#define GPIO_IOF_EN REGISTER(0x10012038)
#define GPIO_IOF_SEL REGISTER(0x1001203C)

#define HFXOSC_ENABLE (UINT32_C(1) << 30)
#define HFXOSC_READY (UINT32_C(1) << 31)

enum { PLL_SELECT_BYPASSED_CRYSTAL = 7 << 16, UART0_PINS = 3 << 16 };

void chip_init(void)
{
    PRCI_HFXOSCCFG = HFXOSC_ENABLE;
    while ((PRCI_HFXOSCCFG & HFXOSC_READY) == 0)
        ;
    PRCI_PLLCFG = PLL_SELECT_BYPASSED_CRYSTAL;
    GPIO_IOF_SEL &= ~(uint32_t)UART0_PINS;
    GPIO_IOF_EN |= UART0_PINS;
}
