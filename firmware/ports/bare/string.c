#include "string.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    return memmove(to, from, n);
}

void *memmove(void *to, const void *from, size_t n)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    if (target <= source)
        for (size_t i = 0; i < n; i++)
            target[i] = source[i];
    else
        while (n-- > 0)
            target[n] = source[n];
    return to;
}

void *memset(void *to, int value, size_t n)
{
    unsigned char *target = to;
    while (n-- > 0)
        *target++ = (unsigned char)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *left = a, *right = b;
    for (; n > 0 && *left == *right; n--, left++, right++)
        ;
    return n > 0 ? *left - *right : 0;
}

size_t strlen(const char *text)
{
    size_t n = 0;
    while (text[n] != '\0')
        n++;
    return n;
}
