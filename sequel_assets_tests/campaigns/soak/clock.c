/* A wall clock that runs fast: preloaded into a process (LD_PRELOAD), it answers every question for the date.

   FAST_CLOCK="R S F" in the environment: at the real moment R (nanoseconds since 1970) it was S, and it runs F times as
   fast. Monotonic clocks and waits stay real, so time-outs, tokens and locks behave as they do in production. One kind of
   wait names a date until which it lasts (a futex with FUTEX_CLOCK_REALTIME, as gRPC uses them): it is turned into the
   real moment, just as long away.

   CLOCK_JUMP names a file of eight bytes: nanoseconds that are added, which may change while processes run. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static long (*real_syscall)(long, long, long, long, long, long, long);
static long long began_real, began_fast;
static double factor = 1;
static const long long none = 0;
static volatile const long long *jump = &none;

__attribute__((constructor)) static void begin(void) {
    if (real_clock_gettime)
        return;
    const char *told = getenv("FAST_CLOCK");
    if (told && sscanf(told, "%lld %lld %lf", &began_real, &began_fast, &factor) != 3)
        factor = 1, began_real = began_fast = 0;
    const char *file = getenv("CLOCK_JUMP");
    int open_file = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    if (open_file >= 0) {
        void *mapped = mmap(NULL, sizeof(long long), PROT_READ, MAP_SHARED, open_file, 0);
        if (mapped != MAP_FAILED)
            jump = mapped;
        close(open_file);
    }
    real_syscall = (long (*)(long, long, long, long, long, long, long))dlsym(RTLD_NEXT, "syscall");
    real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
}

static long long nanoseconds(const struct timespec *at) { return at->tv_sec * SECOND + at->tv_nsec; }

static struct timespec timespec_of(long long moment) {
    return (struct timespec){.tv_sec = moment / SECOND, .tv_nsec = moment % SECOND};
}

static long long real_now(void) {
    struct timespec at;
    begin();
    real_clock_gettime(CLOCK_REALTIME, &at);
    return nanoseconds(&at);
}

static long long fast_now(void) {
    long long now = real_now();
    return began_fast + (long long)((double)(now - began_real) * factor) + *jump;
}

int clock_gettime(clockid_t which, struct timespec *at) {
    begin();
    if (which != CLOCK_REALTIME && which != CLOCK_REALTIME_COARSE)
        return real_clock_gettime(which, at);
    *at = timespec_of(fast_now());
    return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    (void)zone;
    long long now = fast_now();
    at->tv_sec = now / SECOND;
    at->tv_usec = now % SECOND / 1000;
    return 0;
}

time_t time(time_t *at) {
    time_t now = fast_now() / SECOND;
    if (at)
        *at = now;
    return now;
}

long syscall(long number, ...) {
    long a[6];
    va_list told;
    va_start(told, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(told, long);
    va_end(told);
    begin();
    struct timespec until;
    if (number == SYS_futex && (a[1] & FUTEX_CLOCK_REALTIME) && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && a[3]) {
        until = timespec_of(nanoseconds((struct timespec *)a[3]) - fast_now() + real_now());
        if (until.tv_sec < 0 || until.tv_nsec < 0)
            until = (struct timespec){0, 0};
        a[3] = (long)&until;
    }
    return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
