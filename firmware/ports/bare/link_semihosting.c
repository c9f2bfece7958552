/* The link as two files of a debugger or emulator: frames come from link.in, answers go to link.out
 * in its working directory, which may be pipes; at the end of the input the program ends (Arm,
 * "Semihosting for AArch32 and AArch64", and "RISC-V Semihosting", both: operations and their
 * numbers). */
#include "bare.h"
#include "port.h"
#include "semihosting.h"

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { READ_BINARY = 1, WRITE_BINARY = 5, APPLICATION_EXIT = 0x20026 };

enum { BLOCK = 1024 };
static struct {
    uint32_t handle;
    uint32_t length; /* bytes in the block */
    uint32_t next;   /* the next one to read */
    uint8_t block[BLOCK];
} input, output;

static void end(uint32_t exit_code)
{
    const uint32_t reason[2] = {APPLICATION_EXIT, exit_code};
    (void)semihosting(SYS_EXIT_EXTENDED, reason);
}

static uint32_t open_file(const char *name, uint32_t name_length, uint32_t mode)
{
    const uint32_t arguments[3] = {(uint32_t)(uintptr_t)name, mode, name_length};
    const uint32_t handle = semihosting(SYS_OPEN, arguments);
    if (handle == UINT32_MAX)
        end(1);
    return handle;
}

/* How many of `length` bytes were not read or written. */
static uint32_t transfer(uint32_t operation, uint32_t handle, const uint8_t *bytes, uint32_t length)
{
    const uint32_t arguments[3] = {handle, (uint32_t)(uintptr_t)bytes, length};
    return semihosting(operation, arguments);
}

static void write_block(void)
{
    if (transfer(SYS_WRITE, output.handle, output.block, output.length) != 0)
        end(1);
    output.length = 0;
}

void link_init(void)
{
    static const char in[] = "link.in", out[] = "link.out";
    input.handle = open_file(in, sizeof in - 1, READ_BINARY);
    output.handle = open_file(out, sizeof out - 1, WRITE_BINARY);
}

/* Waits for input, which port.h rules out for a UART: there is nothing else to do. The host may
 * wait for the answers until then. */
int port_read(void)
{
    if (input.next == input.length) {
        if (output.length > 0)
            write_block();
        input.next = 0;
        input.length = BLOCK - transfer(SYS_READ, input.handle, input.block, BLOCK);
        if (input.length == 0)
            end(0);
    }
    return input.block[input.next++];
}

void port_write(uint8_t byte)
{
    output.block[output.length++] = byte;
    if (output.length == BLOCK)
        write_block();
}
