/* Calls the products of products.h for tests. */
#include "product_calls.h"
#include "requests.h"

#include <string.h>

enum { ADD = 1, STORE = 2 }; /* flags of a request */

/* `gap`: elements by which y and x are off a multiple of 16 bytes. */
static void call(const char *kernel, int number, int flags, int gap)
{
    const int add = (flags & ADD) != 0;
    const int way = (flags & STORE) != 0 ? STORED : WIDENED;
    const int s8 = strcmp(kernel, "product_s8") == 0;
    const rnn_linear *w = s8 ? products_s8[number] : products_s16[number];
    int16_t *y = READ_BEHIND(2 * gap, int16_t, w->rows);
    if (s8)
        product_s8(y, READ_BEHIND(gap, int8_t, w->cols), number, w->FIRST_TABLE, add, way);
    else
        product_s16(y, READ_BEHIND(2 * gap, int16_t, w->cols), number, w->FIRST_TABLE, add);
    GIVE(y, w->rows);
}

int main(void)
{
    return answer(call);
}
