/* SPDX-License-Identifier: MIT */
/*
 * plant_rig: what the benches of the whole daemon need: a broker, devices on Modbus TCP, the
 * daemon, a bare publisher, each a process of its own, so that CPU and memory can be told apart;
 * and an MQTT client that does nothing but hear.
 */
#ifndef TESTS_BENCH_PLANT_RIG_H
#define TESTS_BENCH_PLANT_RIG_H

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../unit/tcp_peer.h"

#define RIG_DEVICES 128
#define RIG_EVENTS 64
#define RIG_PATIENCE (30 * US_S)

static inline void rig_fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static inline void rig_sleep(us_t time)
{
	clock_sleep(clock_now() + time);
}

/* -- devices on Modbus TCP: 127.0.1.<n>, one connection each ----------------------- */

/* What the devices' process and the bench share. */
struct rig_devices {
	atomic_uint changing; /* so many words of each answer differ from the one before, in turn */
	atomic_bool stamped;  /* the first two words are the clock's low 32 bits, ms */
	_Atomic us_t first;   /* the first request since it was set to 0 */
	atomic_uint reads[RIG_DEVICES];
	_Atomic uint64_t bare; /* messages of the bare loop */
	uint16_t port;
};

struct rig_link {
	int fd;
	unsigned device, turn;
	uint8_t added[READ_REGISTERS_MAX];
};

static inline void rig_serve_one(struct rig_devices *d, struct rig_link *l)
{
	uint8_t buf[1024], answer[PDU_MAX], frame[MBAP_MAX];
	const ssize_t got = recv(l->fd, buf, sizeof buf, 0);
	struct mbap f;
	if (got <= 0) {
		close(l->fd);
		free(l);
		return;
	}
	if (mbap_parse(buf, (size_t)got, &f) <= 0)
		return;
	us_t never = 0;
	if (!atomic_load(&d->first))
		atomic_compare_exchange_strong(&d->first, &never, clock_now());
	const size_t n = tcp_peer_pdu(f.pdu, f.unit, answer), words = (n - 2) / 2;
	for (unsigned i = atomic_load(&d->changing); words && i > 0; i--)
		l->added[l->turn++ % words]++;
	for (size_t i = 0; i < words; i++)
		answer[3 + 2 * i] = (uint8_t)(answer[3 + 2 * i] + l->added[i]);
	const uint32_t ms = (uint32_t)(clock_now() / US_MS);
	for (unsigned i = 0; atomic_load(&d->stamped) && words > 1 && i < 4; i++)
		answer[2 + i] = (uint8_t)(ms >> (24 - 8 * i));
	atomic_fetch_add(&d->reads[l->device], 1);
	tcp_peer_say(l->fd, frame, mbap_build(frame, f.transaction, f.unit, answer, n));
}

static inline void rig_serve(struct rig_devices *d, int listener)
{
	const int e = epoll_create1(0), one = 1;
	struct epoll_event event = {.events = EPOLLIN};
	epoll_ctl(e, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		struct epoll_event ready[RIG_EVENTS];
		const int n = epoll_wait(e, ready, RIG_EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (ready[i].data.ptr) {
				rig_serve_one(d, ready[i].data.ptr);
				continue;
			}
			struct sockaddr_in here;
			socklen_t size = sizeof here;
			struct rig_link *l = calloc(1, sizeof *l);
			l->fd = accept(listener, NULL, NULL);
			getsockname(l->fd, (struct sockaddr *)&here, &size);
			l->device = ntohl(here.sin_addr.s_addr) % RIG_DEVICES;
			setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
			event.data.ptr = l;
			epoll_ctl(e, EPOLL_CTL_ADD, l->fd, &event);
		}
	}
}

static inline struct rig_devices *rig_devices_start(pid_t *pid)
{
	struct rig_devices *d =
		mmap(NULL, sizeof *d, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t size = sizeof a;
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (d == MAP_FAILED || bind(listener, (struct sockaddr *)&a, size) < 0 ||
	    listen(listener, 1024) < 0 || getsockname(listener, (struct sockaddr *)&a, &size) < 0)
		rig_fail("no socket for the devices");
	d->port = ntohs(a.sin_port);
	fflush(stdout);
	*pid = fork();
	if (*pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		rig_serve(d, listener);
	}
	close(listener);
	return d;
}

/* -- processes --------------------------------------------------------------------- */

static inline void rig_end(pid_t pid, int signal)
{
	kill(pid, signal);
	waitpid(pid, NULL, 0);
}

/* err: a file for its standard error and output; NULL: nowhere. */
static inline pid_t rig_run(const char *err, const char *const argv[])
{
	fflush(stdout);
	const pid_t pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	const int out = open(err ? err : "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static inline uint16_t rig_free_port(void)
{
	uint16_t port = 0;
	const int fd = tcp_peer_listen(AF_INET, &port);
	if (fd < 0)
		rig_fail("no free port");
	close(fd);
	return port;
}

/* Ends with 77 when there is no mosquitto. Waits until it listens. */
static inline pid_t rig_broker(uint16_t port)
{
	char number[16];
	snprintf(number, sizeof number, "%u", port);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	const pid_t pid = rig_run(NULL, (const char *[]){"mosquitto", "-p", number, NULL});
	const struct sockaddr_in to = {.sin_family = AF_INET,
	                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                               .sin_port = htons(port)};
	for (us_t limit = clock_now() + RIG_PATIENCE;;) {
		const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		const bool there = connect(fd, (const struct sockaddr *)&to, sizeof to) == 0;
		close(fd);
		if (there)
			return pid;
		if (waitpid(pid, NULL, WNOHANG) != 0) {
			puts("mosquitto is not installed");
			exit(77);
		}
		if (clock_now() > limit)
			rig_fail("mosquitto does not listen");
		rig_sleep(5 * US_MS);
	}
}

struct rig_use {
	double cpu;                  /* s; of the whole process, or since its start */
	unsigned long woken;         /* voluntary switches of our own threads */
	double resident, shared_not; /* kB; the second: private */
};

/* Sum of the numbers that follow this word in a file. */
static inline double rig_sum(const char *path, const char *word)
{
	char line[256];
	double sum = 0, n;
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, word, strlen(word)) == 0 &&
		    sscanf(line + strcspn(line, " \t"), "%lf", &n) == 1)
			sum += n;
	if (f)
		fclose(f);
	return sum;
}

/* The library's threads carry the publisher's name or their own: of ours there is one of each. */
static inline bool rig_is_library(const char *name, bool *publisher)
{
	if (strncmp(name, "MQTTAsync", 9) == 0)
		return true;
	if (strncmp(name, "publisher", 9) != 0)
		return false;
	const bool second = *publisher;
	*publisher = true;
	return second;
}

static inline struct rig_use rig_use(pid_t pid)
{
	struct rig_use u = {0};
	char path[300], name[32] = "";
	bool publisher = false;
	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	struct dirent **task;
	const int n = scandir(path, &task, NULL, versionsort);
	for (int i = 0; i < n; i++) {
		double ns = 0;
		snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid,
		         task[i]->d_name);
		FILE *f = task[i]->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (f && fscanf(f, "%lf", &ns) == 1)
			u.cpu += ns / 1e9;
		if (f)
			fclose(f);
		snprintf(path, sizeof path, "/proc/%d/task/%s/comm", (int)pid, task[i]->d_name);
		f = f ? fopen(path, "re") : NULL;
		if (f && fgets(name, sizeof name, f) && !rig_is_library(name, &publisher)) {
			snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pid,
			         task[i]->d_name);
			u.woken += (unsigned long)rig_sum(path, "voluntary_ctxt");
		}
		if (f)
			fclose(f);
		free(task[i]);
	}
	free(task);
	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	u.resident = rig_sum(path, "Rss");
	u.shared_not = rig_sum(path, "Private_Clean") + rig_sum(path, "Private_Dirty");
	return u;
}

/* -- an MQTT 3.1.1 client that hears ------------------------------------------------ */

struct rig_ear {
	int fd;
	size_t n;
	uint8_t buf[65536];
};

static inline size_t rig_put_text(uint8_t *at, const char *text)
{
	const size_t n = strlen(text);
	at[0] = (uint8_t)(n >> 8);
	at[1] = (uint8_t)n;
	memcpy(at + 2, text, n);
	return n + 2;
}

/* Subscribes with QoS 0. Short names only: a packet below 128 bytes. */
static inline void rig_ear_open(struct rig_ear *e, uint16_t port, const char *filter)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
	                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                               .sin_port = htons(port)};
	uint8_t out[256] = {0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0};
	size_t n = 12 + rig_put_text(out + 12, "ear");
	out[1] = (uint8_t)(n - 2);
	const size_t at = n;
	out[n++] = 0x82;
	out[n++] = 0;
	out[n++] = 0;
	out[n++] = 1;
	n += rig_put_text(out + n, filter);
	out[n++] = 0;
	out[at + 1] = (uint8_t)(n - at - 2);
	e->n = 0;
	e->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(e->fd, (const struct sockaddr *)&to, sizeof to) < 0 ||
	    send(e->fd, out, n, MSG_NOSIGNAL) != (ssize_t)n)
		rig_fail("no connection to the broker");
}

/* The length of the packet at the head, 0: not whole yet; *body: where it begins. */
static inline size_t rig_ear_packet(const struct rig_ear *e, size_t *body)
{
	size_t len = 0, at = 1;
	for (unsigned shift = 0; at < e->n && at < 5; shift += 7) {
		const uint8_t b = e->buf[at++];
		len |= (size_t)(b & 127) << shift;
		if (b & 128)
			continue;
		*body = at;
		return at + len <= e->n ? at + len : 0;
	}
	return 0;
}

/* The next publication: topic and text are cut to their room. False: nothing until then. */
static inline bool rig_ear_receive(struct rig_ear *e, char topic[128], char text[64], us_t until)
{
	for (;;) {
		size_t body, len = rig_ear_packet(e, &body);
		if (!len) {
			const us_t left = until - clock_now();
			struct pollfd f = {.fd = e->fd, .events = POLLIN};
			if (poll(&f, 1, left > 0 ? (int)(left / US_MS) + 1 : 0) <= 0)
				return false;
			const ssize_t got = recv(e->fd, e->buf + e->n, sizeof e->buf - e->n, 0);
			if (got <= 0)
				return false;
			e->n += (size_t)got;
			continue;
		}
		const bool is_publish = e->buf[0] >> 4 == 3;
		if (is_publish) {
			const int n = e->buf[body] << 8 | e->buf[body + 1];
			snprintf(topic, 128, "%.*s", n, (const char *)e->buf + body + 2);
			snprintf(text, 64, "%.*s", (int)(len - body - 2) - n,
			         (const char *)e->buf + body + 2 + n);
		}
		e->n -= len;
		memmove(e->buf, e->buf + len, e->n);
		if (is_publish)
			return true;
	}
}

#endif
