/* The firmware around a network. At boot it checks the tables and tests itself; from then on it
 * answers one request at a time (docs/link_protocol.md).
 *
 * From the build: DEVICE_CORE (name of the core), DEVICE_PAYLOAD (bytes of the largest payload),
 * PORT_CLOCK_HZ; with DEVICE_COUNTING it counts what saturates (firmware/counters), with
 * DEVICE_HEARS it has ears (firmware/ears).
 */
#include "device.h"
#ifdef DEVICE_HEARS
#include "ears.h"
#endif
#include "model_binding.h"
#include "model_self_test.h"
#include "port.h"
#include "rnn_kernels.h"

#ifdef DEVICE_COUNTING
#include "counters.h"
#else
#define counters_clear() ((void)0)
#define counters_begin(x, steps) ((void)0)
#define counters_end() ((void)0)
#endif

#include <stdbool.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "The link carries arrays as memory holds them: only little-endian cores are supported."
#endif

#ifdef MODEL_TOKENS
#define TOKENS MODEL_TOKENS
#else
#define TOKENS 0
#endif

/* A frame: sequence, command, length (2), payload, CRC (4). The payload of a request begins with
 * the instance, that of an answer with the status; DATA is what comes behind. */
enum { HEADER = 4, DATA = HEADER + 1, CRC = 4, FRAME = HEADER + DEVICE_PAYLOAD + CRC };
enum { INPUT_BYTES = MODEL_INPUTS * sizeof(model_input) };
enum { OUTPUT_BYTES = MODEL_OUTPUTS * sizeof(model_output) };

/* With PAD bytes before a frame its data are aligned for every type. The memory has the type of
 * the data, so that the network may read and write it; bytes may be read from any type. */
enum { PAD = 3, ALIGNED_DATA = PAD + DATA };
static model_input request_memory[(PAD + FRAME) / sizeof(model_input) + 1];
static model_output answer_memory[(PAD + FRAME) / sizeof(model_output) + 1];
static uint8_t *const request = (uint8_t *)request_memory + PAD;
static uint8_t *const answer = (uint8_t *)answer_memory + PAD;
static model_input *const inputs = request_memory + ALIGNED_DATA / sizeof(model_input);
static model_output *const outputs = answer_memory + ALIGNED_DATA / sizeof(model_output);

static const RNN_FLASH char NAMES[] = MODEL_NAME "\0" MODEL_TOOL_VERSION "\0" DEVICE_CORE;
static const RNN_FLASH uint8_t HASH[] = MODEL_HASH_BYTES;

#define LITTLE_16(n) (uint8_t)((n) & 0xFF), (uint8_t)((n) >> 8)
static const RNN_FLASH uint8_t FACTS[] = {
    DEVICE_PROTOCOL,
    DEVICE_INSTANCES,
    LITTLE_16(DEVICE_PAYLOAD),
    LITTLE_16(MODEL_INPUTS),
    MODEL_INPUT_BITS,
    LITTLE_16(MODEL_OUTPUTS),
    MODEL_OUTPUT_BITS,
    MODEL_EVERY_STEP,
    LITTLE_16((uint32_t)TOKENS & 0xFFFF),
    LITTLE_16((uint32_t)TOKENS >> 16),
    LITTLE_16(MODEL_STATE_BYTES),
};

/* A payload holds what the shortest requests and their answers need. */
#define FITS(bytes) (1 + (bytes) <= DEVICE_PAYLOAD ? 1 : -1)
typedef char device_payload_holds_info[FITS(sizeof FACTS + 1 + sizeof HASH + sizeof NAMES)];
typedef char device_payload_holds_step[FITS(INPUT_BYTES)];
typedef char device_payload_holds_result[FITS(OUTPUT_BYTES + MODEL_STATE_BYTES)];
#ifdef DEVICE_HEARS
typedef char device_payload_holds_a_frame_that_was_heard[FITS(sizeof(ears_frame) + 4)];
#endif
#ifdef MODEL_REPLY_BYTES
typedef char device_payload_holds_reply[FITS(MODEL_REPLY_BYTES)];
#endif
typedef char device_frame_is_short_enough[DEVICE_PAYLOAD <= 32000 ? 1 : -1];
typedef char model_state_has_no_padding[sizeof(model_state) == MODEL_STATE_BYTES ? 1 : -1];

static model_state instances[DEVICE_INSTANCES];
static uint32_t cycles; /* of the last step or run */
static bool tables_passed;
static bool self_test_passed;

/* ---- Answers -------------------------------------------------------------------------------- */

static uint16_t answer_length; /* of the payload, status included */

static void put(uint8_t byte)
{
    answer[HEADER + answer_length++] = byte;
}

static void put_u32(uint32_t value)
{
    for (uint8_t i = 0; i < 4; i++, value >>= 8)
        put((uint8_t)value);
}

static void put_flash(const RNN_FLASH void *data, uint16_t n)
{
    const RNN_FLASH uint8_t *byte = data;
    for (; n > 0; n--)
        put(*byte++);
}

static void put_state(const model_state *state)
{
    memcpy(answer + HEADER + answer_length, state, sizeof *state);
    answer_length = (uint16_t)(answer_length + sizeof *state);
}

static uint32_t u32_at(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* What goes behind n bytes in RAM as their CRC. */
static uint32_t crc_of(const uint8_t *bytes, uint16_t n)
{
    uint32_t reg = 0xFFFFFFFF;
    for (; n > 0; n--)
        reg = rnn_crc32_register(reg, *bytes++);
    return ~reg;
}

/* COBS: the zeros of the frame and one behind its end become the lengths of the blocks between. */
static void send(const uint8_t *frame, uint16_t length)
{
    port_write(0);
    for (uint16_t start = 0; start <= length;) {
        uint8_t block = 0;
        while (block < 254 && start + block < length && frame[start + block] != 0)
            block++;
        port_write((uint8_t)(block + 1));
        for (uint8_t i = 0; i < block; i++)
            port_write(frame[start + i]);
        start = (uint16_t)(start + block + (block < 254)); /* a block of 254 has no zero */
    }
    port_write(0);
}

static void send_answer(uint8_t sequence, uint8_t command, uint8_t status)
{
    const uint16_t length = status == DEVICE_OK ? answer_length : 1;
    answer[0] = sequence;
    answer[1] = (uint8_t)(command | DEVICE_ANSWER);
    answer[2] = (uint8_t)length;
    answer[3] = (uint8_t)(length >> 8);
    answer[HEADER] = status;
    answer_length = length;
    put_u32(crc_of(answer, (uint16_t)(HEADER + length)));
    send(answer, (uint16_t)(HEADER + length + CRC));
}

/* ---- Boot ----------------------------------------------------------------------------------- */

static bool equal_flash(const void *ram, const RNN_FLASH void *flash, uint16_t n)
{
    const uint8_t *found = ram;
    const RNN_FLASH uint8_t *expected = flash;
    for (; n > 0; n--)
        if (*found++ != *expected++)
            return false;
    return true;
}

/* Known inputs have to give the known outputs and states. It uses the memory of request and answer:
 * the one is read, the other not yet written. */
static bool self_test(void)
{
    model_state state;
    const RNN_FLASH model_input *x = model_self_test_inputs;
    const RNN_FLASH model_output *y = model_self_test_outputs;
    if (!tables_passed)
        return false;
    model_reset(&state);
    for (uint16_t step = 0; step < MODEL_SELF_TEST_STEPS; step++) {
        for (uint16_t i = 0; i < MODEL_INPUTS; i++)
            inputs[i] = *x++;
        model_step(&state, inputs, outputs);
        if (!equal_flash(outputs, y, OUTPUT_BYTES))
            return false;
        y += MODEL_OUTPUTS;
    }
    return equal_flash(&state, model_self_test_states, sizeof state);
}

static void write_text(const RNN_FLASH char *text)
{
    for (; *text != '\0'; text++)
        port_write((uint8_t)*text);
}

static void write_hash(void)
{
    for (uint8_t i = 0; i < 12; i++) {
        const uint8_t digit = (uint8_t)(i % 2 == 0 ? HASH[i / 2] >> 4 : HASH[i / 2] & 15);
        port_write((uint8_t)(digit < 10 ? '0' + digit : 'a' + digit - 10));
    }
}

static const RNN_FLASH char OK[] = "ok", DAMAGED[] = "DAMAGED", FAILED[] = "FAILED";

/* One line for people, and for a host that waits until the board is up. */
static void write_banner(void)
{
#define TEXT(number) #number
#define TEXT_OF(macro) TEXT(macro)
    static const RNN_FLASH char name[] =
        "rnn_edge " MODEL_TOOL_VERSION " model " MODEL_NAME " program ";
    static const RNN_FLASH char core[] = " core " DEVICE_CORE " tables ";
    static const RNN_FLASH char test[] = " self-test ";
    static const RNN_FLASH char end[] = " (" TEXT_OF(MODEL_SELF_TEST_STEPS) " steps)\r\n";
    write_text(name);
    write_hash();
    write_text(core);
    write_text(tables_passed ? OK : DAMAGED);
    write_text(test);
    write_text(self_test_passed ? OK : FAILED);
    write_text(end);
    port_write(0);
}

static void boot(void)
{
    for (uint8_t i = 0; i < DEVICE_INSTANCES; i++)
        model_reset(&instances[i]);
    tables_passed = model_tables_crc() == MODEL_TABLES_CRC;
    self_test_passed = self_test();
    counters_clear();
    write_banner();
}

/* ---- Stack ---------------------------------------------------------------------------------- */

enum { PAINT = 0xA5, PAINT_MARGIN = 64 };

/* Paints the stack below this function's own frame, which is smaller than the margin as long as it
 * is not inlined. Interrupts are still off: nothing else may use the stack meanwhile. */
__attribute__((noinline)) static void paint_stack(void)
{
    uint8_t here = 0;
    const uintptr_t low = (uintptr_t)port_stack_low();
    const uintptr_t high = (uintptr_t)port_stack_high();
    uintptr_t end = (uintptr_t)&here - PAINT_MARGIN;
    if (end < low || end > high)
        end = high; /* a port whose stack is elsewhere */
    for (volatile uint8_t *p = port_stack_low(); (uintptr_t)p < end; p++)
        *p = PAINT;
}

static uint32_t stack_size(void)
{
    return (uint32_t)((uintptr_t)port_stack_high() - (uintptr_t)port_stack_low());
}

/* The high-water mark: from the top to the lowest byte that has lost its paint. */
static uint32_t stack_used(void)
{
    const volatile uint8_t *p = port_stack_low();
    uint32_t used = stack_size();
    while (used > 0 && *p++ == PAINT)
        used--;
    return used;
}

/* ---- Commands ------------------------------------------------------------------------------- */

#ifdef DEVICE_COUNTING
enum { COUNTS = DEVICE_COUNTS };

/* The payload, of `length` bytes, is the number of bytes of the counters that were asked before. */
static uint8_t put_counters(uint16_t length)
{
    const uint32_t start = length == 4 ? u32_at(request + HEADER) : sizeof counters;
    if (start >= sizeof counters)
        return DEVICE_BAD_ARGUMENT;
    const uint32_t rest = sizeof counters - start, room = DEVICE_PAYLOAD - 1;
    const uint16_t n = (uint16_t)(rest < room ? rest : room);
    memcpy(answer + HEADER + answer_length, (const uint8_t *)&counters + start, n);
    answer_length = (uint16_t)(answer_length + n);
    return DEVICE_OK;
}

static uint8_t obey_on_counters(uint8_t command, uint16_t length)
{
    if (command == DEVICE_COUNTERS)
        return put_counters(length);
    if (length != 0)
        return DEVICE_BAD_ARGUMENT;
    counters_clear();
    return DEVICE_OK;
}
#else
enum { COUNTS = 0 };

static uint8_t obey_on_counters(uint8_t command, uint16_t length)
{
    (void)command;
    (void)length;
    return DEVICE_NO_COUNTERS;
}
#endif

static void put_info(void)
{
    put_flash(FACTS, sizeof FACTS);
    put((uint8_t)((tables_passed ? DEVICE_TABLES_PASSED : 0) |
                  (self_test_passed ? DEVICE_SELF_TEST_PASSED : 0) | COUNTS));
    put_flash(HASH, sizeof HASH);
    put_flash(NAMES, sizeof NAMES);
}

static bool inputs_are_legal(uint16_t steps)
{
#ifdef MODEL_TOKENS
    for (uint16_t i = 0; i < steps; i++)
        if (inputs[i] < 0 || inputs[i] >= MODEL_TOKENS)
            return false;
#else
    (void)steps; /* every integer is an input */
#endif
    return true;
}

/* A step or a run over `size` bytes of inputs. */
static uint8_t compute(uint8_t command, model_state *state, uint16_t size, bool all_states)
{
    const uint16_t steps = (uint16_t)(size / INPUT_BYTES);
    const uint32_t results = MODEL_EVERY_STEP ? steps : 1;
    const uint32_t state_bytes = all_states ? MODEL_STATE_BYTES : 0;
    if (!tables_passed)
        return DEVICE_TABLES_DAMAGED;
    if (steps == 0 || size % INPUT_BYTES != 0 || (command == DEVICE_STEP && steps > 1))
        return DEVICE_BAD_ARGUMENT;
    if (1 + results * OUTPUT_BYTES + state_bytes > DEVICE_PAYLOAD || !inputs_are_legal(steps))
        return DEVICE_BAD_ARGUMENT;
    counters_begin(inputs, steps);
    const uint32_t start = port_cycles();
    if (command == DEVICE_STEP)
        model_step(state, inputs, outputs);
    else
        model_run(state, inputs, steps, outputs);
    cycles = port_cycles() - start;
    counters_end();
    answer_length = (uint16_t)(1 + results * OUTPUT_BYTES);
    if (all_states)
        put_state(state);
    return DEVICE_OK;
}

/* The payload is an instance and `size` bytes of data. */
static uint8_t obey_on_instance(uint8_t command, uint8_t instance, uint16_t size)
{
    const bool computes = command == DEVICE_STEP || command == DEVICE_RUN;
    const bool all_states = computes && (instance & DEVICE_ALL_STATES) != 0;
    const uint8_t index = (uint8_t)(all_states ? instance - DEVICE_ALL_STATES : instance);
    if (index >= DEVICE_INSTANCES)
        return DEVICE_BAD_ARGUMENT;
    model_state *const state = &instances[index];
    if (computes)
        return compute(command, state, size, all_states);
    if (size != (command == DEVICE_LOAD ? sizeof *state : 0))
        return DEVICE_BAD_ARGUMENT;
    if (command == DEVICE_RESET)
        model_reset(state);
    else if (command == DEVICE_LOAD)
        memcpy(state, request + DATA, sizeof *state);
    else
        put_state(state);
    return DEVICE_OK;
}

#ifdef DEVICE_HEARS

/* The payload: 1 where a stream begins or 0 where it goes on, then samples of at most one frame. */
static uint8_t hear(uint16_t length)
{
    static uint32_t spent; /* cycles since the last frame */
    const uint16_t size = (uint16_t)(length - 1);
    ears_frame frame;
    if (!tables_passed)
        return DEVICE_TABLES_DAMAGED;
    if (length == 0 || size % 2 != 0 || size / 2 > EARS_HOP || request[HEADER] > 1)
        return DEVICE_BAD_ARGUMENT;
    if (request[HEADER] == 1) {
        ears_reset();
        spent = 0;
    }
    const uint32_t start = port_cycles();
    const bool complete = ears_hear(&frame, request + DATA, size / 2) != 0;
    spent += port_cycles() - start;
    if (!complete)
        return DEVICE_OK;
    memcpy(answer + HEADER + answer_length, &frame, sizeof frame);
    answer_length = (uint16_t)(answer_length + sizeof frame);
    put_u32(spent);
    spent = 0;
    return DEVICE_OK;
}
#endif

#ifdef MODEL_REPLY_BYTES
static uint8_t put_reply(uint16_t length)
{
    const uint16_t index = (uint16_t)(request[HEADER] | request[HEADER + 1] << 8);
    if (length != 2 || index >= MODEL_OUTPUTS)
        return DEVICE_BAD_ARGUMENT;
    for (const RNN_FLASH char *text = model_reply((int)index); *text != '\0'; text++)
        put((uint8_t)*text);
    return DEVICE_OK;
}
#endif

/* Executes a request with `length` bytes of payload: the status, with the answer's data put. */
static uint8_t obey(uint8_t command, uint16_t length)
{
#ifdef DEVICE_HEARS
    if (command == DEVICE_HEAR)
        return hear(length);
#endif
#ifdef MODEL_REPLY_BYTES
    if (command == DEVICE_REPLY)
        return put_reply(length);
#endif
    if (command < DEVICE_INFO || command > DEVICE_CLEAR)
        return DEVICE_UNKNOWN;
    if (command >= DEVICE_RESET && command <= DEVICE_LOAD)
        return length == 0 ? DEVICE_BAD_ARGUMENT
                           : obey_on_instance(command, request[HEADER], (uint16_t)(length - 1));
    if (command == DEVICE_COUNTERS || command == DEVICE_CLEAR)
        return obey_on_counters(command, length);
    if (length != 0)
        return DEVICE_BAD_ARGUMENT;
    if (command == DEVICE_INFO) {
        put_info();
    } else if (command == DEVICE_SELF_TEST) {
        put(self_test());
        put(MODEL_SELF_TEST_STEPS & 0xFF);
        put(MODEL_SELF_TEST_STEPS >> 8);
    } else if (command == DEVICE_CYCLES) {
        put_u32(cycles);
        put_u32(PORT_CLOCK_HZ);
    } else {
        put_u32(stack_used());
        put_u32(stack_size());
    }
    return DEVICE_OK;
}

/* ---- Requests ------------------------------------------------------------------------------- */

/* Can the frame of `length` bytes in `request` be trusted? */
static uint8_t check_frame(uint16_t length, bool cobs_passed)
{
    if (length > FRAME)
        return DEVICE_WRONG_LENGTH;
    if (!cobs_passed || length < HEADER + CRC ||
        crc_of(request, (uint16_t)(length - CRC)) != u32_at(request + length - CRC))
        return DEVICE_DAMAGED;
    const uint16_t payload = (uint16_t)(length - HEADER - CRC);
    if (request[2] != (uint8_t)payload || request[3] != payload >> 8)
        return DEVICE_WRONG_LENGTH;
    return DEVICE_OK;
}

/* Answers one frame. A request that comes again, because its answer was lost, is not executed. */
static void take_frame(uint16_t length, bool cobs_passed)
{
    static uint16_t last_sequence = 0x100; /* none */
    uint8_t status = check_frame(length, cobs_passed);
    if (status != DEVICE_OK) {
        send_answer(0, 0, status);
        return;
    }
    const uint8_t sequence = request[0], command = request[1];
    answer_length = 1;
    status = DEVICE_REPEATED;
    if (sequence != last_sequence)
        status = obey(command, (uint16_t)(length - HEADER - CRC));
    if (status == DEVICE_OK)
        last_sequence = sequence;
    send_answer(sequence, command, status);
}

static struct {
    uint16_t length; /* decoded bytes so far; FRAME + 1 stands for all that are too many */
    uint8_t block;   /* bytes still to come in this block */
    bool zero;       /* a zero is behind it, unless the frame ends there */
} cobs;

static void decoded(uint8_t byte)
{
    if (cobs.length < FRAME)
        request[cobs.length] = byte;
    if (cobs.length <= FRAME)
        cobs.length++;
}

/* One byte of the link, 0 between frames. */
static void take_byte(uint8_t byte)
{
    if (byte == 0) {
        const uint16_t length = cobs.length;
        const bool cobs_passed = cobs.block == 0, empty = length == 0 && cobs_passed && !cobs.zero;
        cobs.length = 0;
        cobs.block = 0;
        cobs.zero = false;
        if (!empty)
            take_frame(length, cobs_passed);
    } else if (cobs.block > 0) {
        cobs.block--;
        decoded(byte);
    } else {
        if (cobs.zero)
            decoded(0);
        cobs.block = (uint8_t)(byte - 1);
        cobs.zero = byte != 0xFF;
    }
}

int main(void)
{
    paint_stack();
    port_init();
    boot();
    for (;;) {
        const int byte = port_read();
        if (byte >= 0)
            take_byte((uint8_t)byte);
    }
}
