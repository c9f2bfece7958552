/* Times the network on this computer: `step N` or `sequence N` on standard input is answered by the
 * nanoseconds of this process that N steps took, or N runs over all inputs of model_self_test.h. It
 * says `ready` first, unless a step computes something else than it has to.
 */
#define _POSIX_C_SOURCE 199309L /* clock_gettime */

#include "model_self_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STEPS = MODEL_SELF_TEST_STEPS, RUN_OUTPUTS = MODEL_EVERY_STEP ? STEPS : 1 };

static model_state state;

static int64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int is_right(void)
{
    model_output y[MODEL_OUTPUTS];
    model_reset(&state);
    for (int i = 0; i < STEPS; i++) {
        model_step(&state, model_self_test_inputs + i * MODEL_INPUTS, y);
        if (memcmp(y, model_self_test_outputs + i * MODEL_OUTPUTS, sizeof y) != 0)
            return 0;
    }
    return memcmp(&state, model_self_test_states, sizeof model_self_test_states) == 0;
}

static int64_t time_steps(long count)
{
    model_output y[MODEL_OUTPUTS];
    int next = 0;
    const int64_t start = nanoseconds();
    for (; count > 0; count--) {
        model_step(&state, model_self_test_inputs + next * MODEL_INPUTS, y);
        next = next + 1 < STEPS ? next + 1 : 0;
    }
    return nanoseconds() - start;
}

static int64_t time_runs(long count)
{
    static model_output y[RUN_OUTPUTS * MODEL_OUTPUTS];
    const int64_t start = nanoseconds();
    for (; count > 0; count--)
        model_run(&state, model_self_test_inputs, STEPS, y);
    return nanoseconds() - start;
}

int main(void)
{
    char verb[9];
    long count;
    if (!is_right()) {
        fputs("a step computed something else than it has to\n", stderr);
        return EXIT_FAILURE;
    }
    puts("ready");
    fflush(stdout);
    while (scanf("%8s %ld", verb, &count) == 2) {
        printf("%lld\n", (long long)(verb[1] == 't' ? time_steps(count) : time_runs(count)));
        fflush(stdout);
    }
    return EXIT_SUCCESS;
}
