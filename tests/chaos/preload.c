// SPDX-License-Identifier: MIT
/*
 * Loaded into xnetd by chaos.py: a wall clock that can jump and a disk that can be full, without
 * harm to the machine. What holds is two numbers in the file that CHAOS_WORLD names: the seconds
 * that the wall clock is ahead, and whether regular files but the log take nothing.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *world; /* ahead, full */

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void open_world(void)
{
	const char *path = getenv("CHAOS_WORLD");
	const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		abort();
	close(fd);
	world = at;
}

static int64_t ahead(void)
{
	return world ? world[0] : 0;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	const int r = REAL(clock_gettime)(id, t);
	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec += ahead();
	return r;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	const int r = REAL(gettimeofday)(t, zone);
	if (r == 0)
		t->tv_sec += ahead();
	return r;
}

time_t time(time_t *to)
{
	const time_t t = REAL(time)(NULL) + ahead();
	if (to)
		*to = t;
	return t;
}

/* The kernel's clock did not jump: an end by the wall clock (no small number, as one of the
 * monotonic clock is) goes to it as it would have been. */
int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
                           const struct timespec *restrict end)
{
	struct timespec t = *end;
	if (t.tv_sec > 1000000000)
		t.tv_sec -= ahead();
	return REAL(pthread_cond_timedwait)(c, m, &t);
}

static int takes_nothing(int fd)
{
	struct stat st;
	return fd > STDERR_FILENO && world && world[1] && fstat(fd, &st) == 0 &&
	       S_ISREG(st.st_mode);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
	if (takes_nothing(fd)) {
		errno = ENOSPC;
		return -1;
	}
	return REAL(write)(fd, bytes, n);
}

/* Nor is there room for another name. */
int open(const char *path, int flags, ...)
{
	va_list more;
	va_start(more, flags);
	const mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
	va_end(more);
	if (flags & O_CREAT && world && world[1] && access(path, F_OK) < 0) {
		errno = ENOSPC;
		return -1;
	}
	return REAL(open)(path, flags, mode);
}

int fsync(int fd)
{
	if (takes_nothing(fd)) {
		errno = ENOSPC;
		return -1;
	}
	return REAL(fsync)(fd);
}
