/* STM32F1: clocks and pins of the UART (RM0041, sections 6.3 RCC registers and 7.2 GPIO registers).
 * The core runs from its internal oscillator (HSI), as reset leaves it. */
#include "bare.h"

#define RCC_ENABLE REGISTER(RCC_ENABLE_REGISTER)
#define GPIO_CR REGISTER(GPIO_BASE + (UART_TX_PIN < 8 ? 0x00 : 0x04))
#define GPIO_BSRR REGISTER(GPIO_BASE + 0x10)

enum { CR_ALTERNATE_OUTPUT = 0xA, CR_PULLED_INPUT = 0x8 };

static void set_pin(uint32_t pin, uint32_t mode)
{
    const uint32_t place = 4 * (pin % 8);
    GPIO_CR = (GPIO_CR & ~(UINT32_C(0xF) << place)) | mode << place;
}

void chip_init(void)
{
    RCC_ENABLE |= RCC_ENABLE_BITS;
    GPIO_BSRR = UINT32_C(1) << UART_RX_PIN; /* pulled up while nothing is plugged in */
    set_pin(UART_TX_PIN, CR_ALTERNATE_OUTPUT);
    set_pin(UART_RX_PIN, CR_PULLED_INPUT);
}
