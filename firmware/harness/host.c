/* Plays a script of vectors (rnn_edge/vectors.py) on the host: script on standard input, one line
 * of results a step or run on standard output. The network comes from model_binding.h.
 *
 *     reset I | load I STATE ... | step I X | run I T X
 *
 * Integers are two's complement hexadecimal without blanks. What follows `=` or `#` is not read.
 * Anything malformed ends the program with exit code 1 and a message; standard libraries are used
 * here alone, never by a model.
 */
#include "model_binding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INSTANCES = 2 };

static unsigned long line_number;

static void fail(const char *what)
{
    fprintf(stderr, "line %lu: %s\n", line_number, what);
    exit(EXIT_FAILURE);
}

static void *allocate(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes);
    if (memory == NULL)
        fail("out of memory");
    return memory;
}

/* The next line without its end, in a buffer that grows; 0 at the end of the input. */
static int read_line(char **line, size_t *capacity)
{
    size_t length = 0;
    int character = getchar();
    if (character == EOF)
        return 0;
    line_number++;
    for (; character != EOF && character != '\n'; character = getchar()) {
        if (length + 1 >= *capacity)
            *line = allocate(*line, *capacity *= 2);
        (*line)[length++] = (char)character;
    }
    (*line)[length] = '\0';
    return 1;
}

/* The next field of the line. */
static char *field(char **rest, const char *missing)
{
    char *start = *rest + strspn(*rest, " \t\r");
    const size_t length = strcspn(start, " \t\r");
    if (length == 0)
        fail(missing);
    *rest = start + length + (start[length] != '\0');
    start[length] = '\0';
    return start;
}

static void end_of_line(const char *rest)
{
    if (rest[strspn(rest, " \t\r")] != '\0')
        fail("more fields than the command takes");
}

static uint32_t number(const char *text)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value > UINT32_MAX)
        fail("a decimal number was expected");
    return (uint32_t)value;
}

static uint32_t digit(char character)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = character != '\0' ? strchr(digits, character) : NULL;
    if (found == NULL)
        fail("a hexadecimal digit (0-9, a-f) was expected");
    return (uint32_t)(found - digits);
}

/* One integer of `bits` bits; its sign is restored without relying on how casts wrap. */
static int32_t integer(const char *text, int bits)
{
    uint32_t value = 0;
    for (int i = 0; i < bits / 4; i++)
        value = value << 4 | digit(text[i]);
    const uint32_t sign = UINT32_C(1) << (bits - 1);
    return (value & sign) == 0 ? (int32_t)value : -(int32_t)(sign - 1 - (value & (sign - 1))) - 1;
}

static void check_length(const char *text, size_t count, int bits)
{
    if (count > SIZE_MAX / 8 || strlen(text) != count * (size_t)(bits / 4))
        fail("a field has the wrong number of hexadecimal digits");
}

static void read_state(int16_t *state, size_t count, const char *text)
{
    check_length(text, count, 16);
    for (size_t i = 0; i < count; i++)
        state[i] = (int16_t)integer(text + 4 * i, 16);
}

static void read_input(model_input *x, size_t count, const char *text)
{
    check_length(text, count, MODEL_INPUT_BITS);
    for (size_t i = 0; i < count; i++) {
        x[i] = (model_input)integer(text + MODEL_INPUT_BITS / 4 * i, MODEL_INPUT_BITS);
#ifdef MODEL_TOKENS
        if (x[i] < 0 || x[i] >= MODEL_TOKENS)
            fail("a token is out of range");
#endif
    }
}

static void print_outputs(const model_output *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        printf("%0*x", MODEL_OUTPUT_BITS / 4, (unsigned)y[i] & ((1u << MODEL_OUTPUT_BITS) - 1));
}

static void print_state(const int16_t *state, size_t count)
{
    putchar(' ');
    for (size_t i = 0; i < count; i++)
        printf("%04x", (unsigned)state[i] & 0xFFFFu);
}

static void load(model_state *state, char *rest)
{
#define LOAD(name)                                                                                 \
    read_state(state->name, sizeof state->name / sizeof state->name[0],                            \
               field(&rest, "a state is missing"));
    MODEL_STATES(LOAD)
    end_of_line(rest);
}

/* A step is a run of one, but through the other function of the model. */
static void play(model_state *state, int is_run, char *rest)
{
    const uint32_t steps = is_run ? number(field(&rest, "the number of steps is missing")) : 1;
    const char *text = field(&rest, "the input is missing");
    end_of_line(rest);
    if (steps == 0 || steps > strlen(text))
        fail("the number of steps does not fit the input");
    const size_t inputs = (size_t)steps * MODEL_INPUTS;
    const size_t outputs = MODEL_OUTPUTS * (is_run && MODEL_EVERY_STEP ? (size_t)steps : 1);
    model_input *x = allocate(NULL, inputs * sizeof *x);
    model_output *y = allocate(NULL, outputs * sizeof *y);
    read_input(x, inputs, text);
    if (is_run)
        model_run(state, x, steps, y);
    else
        model_step(state, x, y);
    print_outputs(y, outputs);
#define PRINT(name) print_state(state->name, sizeof state->name / sizeof state->name[0]);
    MODEL_STATES(PRINT)
    putchar('\n');
    free(x);
    free(y);
}

static void obey(model_state *instances, char *line)
{
    line[strcspn(line, "=#")] = '\0';
    if (line[strspn(line, " \t\r")] == '\0')
        return;
    const char *verb = field(&line, "");
    const uint32_t instance = number(field(&line, "the instance is missing"));
    if (instance >= INSTANCES)
        fail("the instance is not 0 or 1");
    model_state *state = &instances[instance];
    if (strcmp(verb, "reset") == 0) {
        end_of_line(line);
        model_reset(state);
    } else if (strcmp(verb, "load") == 0) {
        load(state, line);
    } else if (strcmp(verb, "step") == 0 || strcmp(verb, "run") == 0) {
        play(state, verb[0] == 'r', line);
    } else if (strcmp(verb, "label") != 0) { /* a label is for whoever counts right answers */
        fail("the verb is not reset, load, step, run or label");
    }
}

int main(void)
{
    model_state instances[INSTANCES];
    size_t capacity = 4096;
    char *line = allocate(NULL, capacity);
    for (int i = 0; i < INSTANCES; i++)
        model_reset(&instances[i]);
    while (read_line(&line, &capacity))
        obey(instances, line);
    free(line);
    if (fflush(stdout) != 0)
        fail("the results cannot be written");
    return EXIT_SUCCESS;
}
