/* Plays the stream of stream.h through the generated features `model` on a board, or with LISTEN
 * through all that listen.h has: `begin`; what nothing and a thousand instructions count; for each
 * frame its checksum and what it counts, from the sample that completes it; `end`. */
#include "port.h"
#include "rnn_core.h"
#include "stream.h"

#ifdef LISTEN

#include "listen.h"

static heard y;

static void reset(void)
{
    listen_reset();
}

static int takes(int16_t sample)
{
    return listen(sample, &y);
}

#else

#include "model_features.h"

static model_features_state state;
static int16_t y[MODEL_FEATURES];

static void reset(void)
{
    model_features_reset(&state);
}

static int takes(int16_t sample)
{
    model_features_push(&state, &sample, 1);
    return model_features_frame(&state, y);
}

#endif

static void write_text(const RNN_FLASH char *text)
{
    for (; *text != '\0'; text++)
        port_write((uint8_t)*text);
}

static void write_line(uint32_t first, uint32_t second)
{
    static const RNN_FLASH char digits[] = "0123456789abcdef";
    for (int i = 28; i >= 0; i -= 4)
        port_write((uint8_t)digits[first >> i & 15]);
    port_write(' ');
    for (int i = 28; i >= 0; i -= 4)
        port_write((uint8_t)digits[second >> i & 15]);
    port_write('\n');
}

/* FNV-1a of the frame as a little-endian core holds it. */
static uint32_t checksum(void)
{
    uint32_t sum = UINT32_C(2166136261);
    const uint8_t *byte = (const uint8_t *)&y;
    for (uint16_t i = 0; i < sizeof y; i++)
        sum = (sum ^ byte[i]) * UINT32_C(16777619);
    return sum;
}

__attribute__((noinline)) static uint32_t nothing(void)
{
    const uint32_t start = port_cycles();
    return port_cycles() - start;
}

__attribute__((noinline)) static uint32_t thousand_instructions(void)
{
    const uint32_t start = port_cycles();
    __asm__ volatile(".rept 1000\n nop\n .endr");
    return port_cycles() - start;
}

static void sample(int16_t x)
{
    const uint32_t start = port_cycles();
    const int is_frame = takes(x);
    const uint32_t ticks = port_cycles() - start;
    if (is_frame)
        write_line(checksum(), ticks);
}

int main(void)
{
    static const RNN_FLASH char first[] = "begin\n", last[] = "end\n";
    port_init();
    write_text(first);
    write_line(nothing(), thousand_instructions());
    reset();
    for (uint16_t i = 0; i < STREAM; i++)
        sample(stream[i]);
    write_text(last);
    return 0;
}
