#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

/* One operation of whoever debugs or emulates this core, which stops here until it is done. The
 * three instructions are the sign for it: they have to be uncompressed and in one page. */
static uint32_t semihosting(uint32_t operation, const void *arguments)
{
    register uint32_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = arguments;
    __asm__ volatile(".option push\n"
                     ".balign 16\n" /* with compressed instructions: it may be an odd halfword */
                     ".option norvc\n"
                     "slli zero, zero, 0x1f\n"
                     "ebreak\n"
                     "srai zero, zero, 7\n"
                     ".option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

#endif
