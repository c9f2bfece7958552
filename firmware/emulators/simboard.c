/* A board with an AVR in simavr: its serial port is a pseudo-terminal, its flash a file.
 *
 *     simboard MCU HZ FLASH BOOT
 *
 * FLASH holds every byte of the flash and changes with it. BOOT is the address of the bootloader, 0
 * where there is none. The first line of standard output is the path of the terminal. As on an
 * Arduino, opening the terminal resets the board, by the reset pin; while nobody has it open the
 * board stands still. The process ends with the one that started it.
 *
 * A bootloader waits for its host in real time, so it runs at HZ; a firmware runs as fast as it
 * can.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <avr_uart.h>
#include <sim_avr.h>

enum {
    SLICE_MICROSECONDS = 200, /* of the board's time between two looks at the terminal */
    RESET_MILLISECONDS = 65,  /* how long the chip stays in reset (its fuse SUT) */
    FLASH_SLACK = 4096        /* simavr reads a few bytes behind the flash */
};

static avr_t *avr;
static avr_flashaddr_t boot_section; /* its first address; behind the flash where there is none */
static int terminal;
static int openings; /* inotify: events when somebody opens the terminal */
static avr_irq_t *uart_input;
static int uart_full; /* the UART told us to wait (XOFF) */

static struct {
    uint8_t bytes[256];
    ssize_t length, next;
} from_host;

static void fail(const char *what, const char *detail)
{
    fprintf(stderr, "simboard: %s: %s\n", what, detail);
    exit(EXIT_FAILURE);
}

static void fail_errno(const char *what)
{
    fail(what, strerror(errno));
}

static void log_errors(avr_t *board, const int level, const char *format, va_list arguments)
{
    (void)board;
    if (level == LOG_ERROR)
        vfprintf(stderr, format, arguments);
}

/* The file in place of simavr's own array, with FLASH_SLACK bytes of memory behind it. */
static void map_flash(const char *path)
{
    const size_t size = (size_t)avr->flashend + 1;
    const int file = open(path, O_RDWR | O_CLOEXEC);
    const off_t length = file < 0 ? -1 : lseek(file, 0, SEEK_END);
    if (length < 0)
        fail_errno(path);
    if ((size_t)length != size)
        fail(path, "it is not as long as the flash of this chip");
    uint8_t *flash =
        mmap(NULL, size + FLASH_SLACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (flash == MAP_FAILED ||
        mmap(flash, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED)
        fail_errno(path);
    close(file);
    free(avr->flash);
    avr->flash = flash;
}

/* ---- The serial port ------------------------------------------------------------------------ */

static int open_terminal(void)
{
    struct termios settings;
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        fail_errno("no pseudo-terminal");
    const int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    if (slave < 0 || tcgetattr(slave, &settings) != 0)
        fail_errno(ptsname(master));
    cfmakeraw(&settings);
    tcsetattr(slave, TCSANOW, &settings);
    close(slave);
    if (fcntl(master, F_SETFL, O_NONBLOCK) != 0)
        fail_errno("no pseudo-terminal");
    openings = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (openings < 0 || inotify_add_watch(openings, ptsname(master), IN_OPEN) < 0)
        fail_errno(ptsname(master));
    return master;
}

/* Is the other end open? `events`: what else to wait for, at most `milliseconds`. */
static int is_open(short events, int milliseconds)
{
    struct pollfd look = {.fd = terminal, .events = events};
    return poll(&look, 1, milliseconds) >= 0 && (look.revents & POLLHUP) == 0;
}

/* Has somebody opened it since this was asked last? */
static int was_opened(void)
{
    struct inotify_event events[16];
    return read(openings, events, sizeof events) > 0;
}

/* What one host has not read is not for the next one. */
static void empty_terminal(void)
{
    const int slave = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    tcflush(slave, TCIOFLUSH);
    close(slave);
}

/* A byte that the board has sent. The board waits for a slow reader, which a real one would not. */
static void send_to_host(avr_irq_t *irq, uint32_t value, void *parameter)
{
    const uint8_t byte = (uint8_t)value;
    (void)irq;
    (void)parameter;
    while (write(terminal, &byte, 1) < 0 && errno == EAGAIN && is_open(POLLOUT, 100))
        ;
}

static void stop_sending(avr_irq_t *irq, uint32_t value, void *parameter)
{
    (void)irq;
    (void)value;
    (void)parameter;
    uart_full = 1;
}

static void send_on(avr_irq_t *irq, uint32_t value, void *parameter)
{
    (void)irq;
    (void)value;
    (void)parameter;
    uart_full = 0;
}

static void connect_uart(void)
{
    uint32_t flags = 0; /* neither sleep while the firmware polls, nor show its text */
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    uart_input = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    const struct {
        int irq;
        avr_irq_notify_t notify;
    } outputs[] = {
        {UART_IRQ_OUTPUT, send_to_host},
        {UART_IRQ_OUT_XOFF, stop_sending},
        {UART_IRQ_OUT_XON, send_on},
    };
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++)
        avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), outputs[i].irq),
                                outputs[i].notify, NULL);
}

/* Hand what the host has sent to the UART, as far as it has room. */
static void receive_from_host(void)
{
    if (from_host.next >= from_host.length) {
        from_host.next = 0;
        from_host.length = read(terminal, from_host.bytes, sizeof from_host.bytes);
    }
    while (from_host.next < from_host.length && !uart_full)
        avr_raise_irq(uart_input, from_host.bytes[from_host.next++]);
}

/* ---- The board ------------------------------------------------------------------------------ */

static void sleep_nanoseconds(long nanoseconds)
{
    const struct timespec pause = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    if (nanoseconds > 0)
        nanosleep(&pause, NULL);
}

static int64_t now_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* As the reset pin does it, which a bootloader reads in MCUSR: a host may be there. What the host
 * sends meanwhile is lost. */
static void reset(void)
{
    from_host.next = from_host.length = 0;
    uart_full = 0;
    avr_reset(avr);
    avr_regbit_clear(avr, avr->reset_flags.porf);
    avr_regbit_set(avr, avr->reset_flags.extrf);
    sleep_nanoseconds(RESET_MILLISECONDS * 1000000L);
    tcflush(terminal, TCIFLUSH);
    was_opened();
}

/* Until the terminal is closed, or opened by another. */
static void run(void)
{
    const avr_cycle_count_t slice =
        (avr_cycle_count_t)avr->frequency * SLICE_MICROSECONDS / 1000000;
    int64_t due = now_nanoseconds();
    while (is_open(0, 0) && !was_opened()) {
        const avr_cycle_count_t end = avr->cycle + slice;
        receive_from_host();
        while (avr->cycle < end) {
            const int state = avr_run(avr);
            if (state == cpu_Done || state == cpu_Crashed)
                fail("the firmware crashed", avr->mmcu);
        }
        if (avr->pc < boot_section) {
            due = now_nanoseconds();
        } else {
            due += SLICE_MICROSECONDS * 1000;
            sleep_nanoseconds((long)(due - now_nanoseconds()));
        }
    }
}

static void set_up(char **words)
{
    avr_global_logger_set(log_errors);
    avr = avr_make_mcu_by_name(words[1]);
    if (avr == NULL)
        fail(words[1], "simavr does not know this chip");
    avr_init(avr);
    avr->frequency = (uint32_t)strtoul(words[2], NULL, 10);
    map_flash(words[3]);
    avr->codeend = avr->flashend;
    avr->reset_pc = (avr_flashaddr_t)strtoul(words[4], NULL, 10);
    boot_section = avr->reset_pc > 0 ? avr->reset_pc : avr->flashend + 1;
}

int main(int count, char **words)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (count != 5)
        fail("usage", "simboard MCU HZ FLASH BOOT");
    set_up(words);
    terminal = open_terminal();
    connect_uart();
    printf("%s\n", ptsname(terminal));
    if (fflush(stdout) != 0)
        fail_errno("standard output");
    for (;;) {
        while (!is_open(0, 0))
            sleep_nanoseconds(2000000);
        reset();
        run();
        empty_terminal();
    }
}
