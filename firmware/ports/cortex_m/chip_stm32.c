/* STM32F4 and STM32L4: clocks and pins of the UART (RM0090 and RM0351, sections RCC registers and
 * GPIO registers). The core runs from its internal oscillator (HSI, MSI), as reset leaves it. */
#include "bare.h"

#define GPIO_MODER REGISTER(GPIO_BASE + 0x00)
#define GPIO_PUPDR REGISTER(GPIO_BASE + 0x0C)
#define GPIO_AFR(pin) REGISTER(GPIO_BASE + 0x20 + 4 * ((pin) / 8))

enum { MODER_ALTERNATE = 2, PUPDR_UP = 1 };

static void set_field(volatile uint32_t *field, uint32_t place, uint32_t mask, uint32_t value)
{
    *field = (*field & ~(mask << place)) | value << place;
}

static void connect(uint32_t pin)
{
    set_field(&GPIO_AFR(pin), 4 * (pin % 8), 0xF, UART_PIN_FUNCTION);
    set_field(&GPIO_PUPDR, 2 * pin, 3, PUPDR_UP);
    set_field(&GPIO_MODER, 2 * pin, 3, MODER_ALTERNATE);
}

void chip_init(void)
{
    REGISTER(RCC_GPIO_REGISTER) |= RCC_GPIO_BITS;
    REGISTER(RCC_UART_REGISTER) |= RCC_UART_BITS;
    (void)REGISTER(RCC_UART_REGISTER); /* the clock is there one read later (RM0090, 7.2.18) */
    connect(UART_TX_PIN);
    connect(UART_RX_PIN);
}
