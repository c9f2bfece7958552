/* The link protocol, device side; docs/link_protocol.md describes it. */
#ifndef DEVICE_H
#define DEVICE_H

enum { DEVICE_PROTOCOL = 1, DEVICE_INSTANCES = 2 };

/* What a request asks for; in its answer DEVICE_ANSWER is set. */
enum {
    DEVICE_INFO = 1,
    DEVICE_RESET = 2,
    DEVICE_STEP = 3,
    DEVICE_RUN = 4,
    DEVICE_SAVE = 5,
    DEVICE_LOAD = 6,
    DEVICE_SELF_TEST = 7,
    DEVICE_CYCLES = 8,
    DEVICE_STACK = 9,
    DEVICE_COUNTERS = 10,
    DEVICE_CLEAR = 11,
    DEVICE_REPLY = 12, /* a network without replies does not know it */
    DEVICE_HEAR = 13,  /* only where the program says how it listens */
    DEVICE_ANSWER = 0x80
};

/* First byte of every answer's payload. */
enum {
    DEVICE_OK = 0,
    DEVICE_DAMAGED = 1,        /* COBS or CRC */
    DEVICE_WRONG_LENGTH = 2,   /* longer than the device takes, or another than the frame says */
    DEVICE_UNKNOWN = 3,        /* command */
    DEVICE_BAD_ARGUMENT = 4,   /* instance, payload size, token */
    DEVICE_REPEATED = 5,       /* sequence number of the last request that was executed */
    DEVICE_TABLES_DAMAGED = 6, /* no steps with a network that is not the one that was built */
    DEVICE_NO_COUNTERS = 7     /* the firmware was not built to count */
};

/* In the instance of a step or run: all states follow the outputs. */
enum { DEVICE_ALL_STATES = 0x80 };

/* Bits of boot_flags in the info. */
enum { DEVICE_TABLES_PASSED = 1, DEVICE_SELF_TEST_PASSED = 2, DEVICE_COUNTS = 4 };

#endif
