/* The products of products.h. */
#include "kernel_lines.h"
#include "product_calls.h"

#include <string.h>

static int16_t x16[MOST_COLS];
static int8_t x8[MOST_COLS];

typedef char results_have_room[MOST_ROWS < N ? 1 : -1];

enum { TRIES = 4 }; /* added or not, operands from bytes or from lanes */

/* One end of the range, both, any numbers; y to add to. */
static void draw_vectors(int try)
{
    for (int i = 0; i < MOST_COLS; i++) {
        const int16_t any = drawn();
        x16[i] = try == 0 ? INT16_MIN : try == 1 ? (any < 0 ? INT16_MIN : INT16_MAX) : any;
        x8[i] = (int8_t)(x16[i] >> 8);
    }
    clear_results();
    for (int i = 1; i <= MOST_ROWS + 1; i++)
        result[i] = end_values[i % 8];
}

/* Vectors end where memory ends in tries 0 and 1, weights in tries 2 and 3; but flash with
 * addresses of its own cannot be left. */
#ifdef __AVR__
#define FIRST(type, number) NULL
#define ENDS(x, bytes) at_end(x, bytes, 1)
#else
#define FIRST(type, number)                                                                        \
    (try < 2 ? products_##type[number]->FIRST_TABLE                                                \
             : at_end(products_##type[number]->FIRST_TABLE, first_bytes_##type[number], 8))
#define ENDS(x, bytes) (try < 2 ? at_end(x, bytes, 1) : (x))
#endif

void products(void)
{
    for (int number = 0; number < PRODUCTS_S8; number++) {
        const uint16_t cols = (uint16_t)products_s8[number]->cols;
        begin_line();
        for (int try = 0; try < TRIES; try++) {
            draw_vectors(try);
            const int8_t *x = ENDS(x8, cols);
            product_s8(result + 1 + number % 2, x, number, FIRST(s8, number), try & 1, try >> 1);
            add_bytes(result, sizeof result);
        }
        END("product_s8", number);
    }
    for (int number = 0; number < PRODUCTS_S16; number++) {
        const uint16_t cols = (uint16_t)products_s16[number]->cols;
        begin_line();
        for (int try = 0; try < TRIES; try++) {
            draw_vectors(try);
            const int16_t *x = ENDS(x16, (uint16_t)(2 * cols));
            product_s16(result + 1 + number % 2, x, number, FIRST(s16, number), try & 1);
            add_bytes(result, sizeof result);
        }
        END("product_s16", number);
    }
}
