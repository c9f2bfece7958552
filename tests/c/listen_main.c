/* Samples on standard input, what is heard in every frame on standard output. */
#include "listen.h"

#include <stdio.h>

int main(void)
{
    int16_t sample;
    heard result;
    listen_reset();
    while (fread(&sample, sizeof sample, 1, stdin) == 1)
        if (listen(sample, &result))
            fwrite(&result, sizeof result, 1, stdout);
    return 0;
}
