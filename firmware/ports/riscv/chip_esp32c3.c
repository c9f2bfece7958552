/* ESP32-C3: watchdogs off, core from the crystal, 40 MHz (Technical Reference Manual: chapter 6
 * reset and clock, 9 low-power management, 11 timer group, 12 watchdogs, 16 system registers). */
#include "bare.h"

#define SYSTEM_SYSCLK_CONF REGISTER(0x600C0058)
#define RTC_WDTCONFIG0 REGISTER(0x60008090)
#define RTC_WDTWPROTECT REGISTER(0x600080A8)
#define RTC_SWD_CONF REGISTER(0x600080AC)
#define RTC_SWD_WPROTECT REGISTER(0x600080B0)
#define TIMG_WDTCONFIG0(group) REGISTER(0x6001F048 + 0x1000 * (group))
#define TIMG_WDTWPROTECT(group) REGISTER(0x6001F064 + 0x1000 * (group))

#define WDT_KEY 0x50D83AA1
#define SWD_KEY 0x8F1D312A
#define SWD_AUTO_FEED (UINT32_C(1) << 31)

void chip_init(void)
{
    for (uint32_t group = 0; group < 2; group++) {
        TIMG_WDTWPROTECT(group) = WDT_KEY;
        TIMG_WDTCONFIG0(group) = 0;
    }
    RTC_WDTWPROTECT = WDT_KEY;
    RTC_WDTCONFIG0 = 0;
    RTC_SWD_WPROTECT = SWD_KEY;
    RTC_SWD_CONF |= SWD_AUTO_FEED;
    SYSTEM_SYSCLK_CONF &= ~UINT32_C(0xFFF); /* crystal, divided by 1 */
}
