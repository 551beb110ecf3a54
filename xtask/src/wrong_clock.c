/* The wall clock of the process that loads this is off by so many seconds as the file in WRONG_CLOCK_FILE says, which is read again every
   second. The monotonic clock stays right, and a wait until a time of the wall clock, which librdkafka's are, lasts as long as it was meant to: the
   kernel has the right clock, and would wait for as long as this one is ahead.
   What is asked for the time must never allocate: an allocator asks before it works. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static _Atomic long seconds_off;
static _Atomic long read_at = -1;

static long off(void) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    if (now.tv_sec == read_at) return seconds_off;
    read_at = now.tv_sec;
    const char *path = getenv("WRONG_CLOCK_FILE");
    long file = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return seconds_off;
    char text[32];
    long size = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    if (size > 0) {
        text[size] = 0;
        seconds_off = atol(text);
    }
    return seconds_off;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += off();
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    int result = (int)syscall(SYS_gettimeofday, time, zone);
    if (result == 0) time->tv_sec += off();
    return result;
}

time_t time(time_t *seconds) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds) *seconds = now.tv_sec;
    return now.tv_sec;
}

typedef int wait_until(cnd_t *, mtx_t *, const struct timespec *);

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until) {
    static _Atomic(wait_until *) next;
    if (!next) next = (wait_until *)dlsym(RTLD_NEXT, "cnd_timedwait");
    struct timespec right = *until;
    right.tv_sec -= off();
    return next(condition, mutex, &right);
}
