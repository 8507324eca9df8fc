/*
 * bench_tcp: many Modbus TCP endpoints at once, and one as fast as it goes. The server is a process of
 * its own. Prints reads on time, CPU and memory of the buses.
 *
 * Usage: bench_tcp [ENDPOINTS [SECONDS]]
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/bus.h"
#include "core/arena.h"
#include "core/mbap.h"

#define REGISTERS 100

static void serve_one(int fd)
{
	uint8_t in[MBAP_MAX], pdu[PDU_MAX] = {0}, out[MBAP_MAX];
	struct mbap q;
	const ssize_t n = recv(fd, in, sizeof(in), 0);
	if (n <= 0) {
		close(fd);
		return;
	}
	if (mbap_parse(in, (size_t)n, &q) <= 0)
		return;
	pdu[0] = q.pdu[0];
	pdu[1] = (uint8_t)(2 * q.pdu[4]);
	if (send(fd, out, mbap_build(out, q.transaction, q.unit, pdu, 2u + pdu[1]), MSG_NOSIGNAL) < 0)
		close(fd);
}

static void serve(int listener)
{
	const int e = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = listener}, ready[64];
	epoll_ctl(e, EPOLL_CTL_ADD, listener, &ev);
	for (;;) {
		const int n = epoll_wait(e, ready, 64, -1);
		for (int i = 0; i < n; i++) {
			if (ready[i].data.fd != listener) {
				serve_one(ready[i].data.fd);
				continue;
			}
			ev.data.fd = accept(listener, NULL, NULL);
			setsockopt(ev.data.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
			epoll_ctl(e, EPOLL_CTL_ADD, ev.data.fd, &ev);
		}
	}
}

static pid_t start_server(uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 1024) ||
	    getsockname(listener, (struct sockaddr *)&a, &len))
		abort();
	*port = ntohs(a.sin_port);
	const pid_t pid = fork();
	if (pid == 0)
		serve(listener);
	close(listener);
	return pid;
}

static double cpu_seconds(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* KiB out of /proc/self/smaps_rollup. */
static long memory(const char *what)
{
	char line[128];
	long kib = 0, v;
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, what, strlen(what)) == 0 && sscanf(strchr(line, ':') + 1, "%ld", &v) == 1)
			kib += v;
	if (f)
		fclose(f);
	return kib;
}

static unsigned collect(struct queue *reports, us_t until)
{
	unsigned reads = 0;
	struct report r;
	for (us_t now = clock_now(); now < until; now = clock_now()) {
		struct pollfd p = {.fd = queue_fd(reports), .events = POLLIN};
		const struct timespec wait = clock_timespec(until - now);
		ppoll(&p, 1, &wait, NULL);
		while (queue_pop(reports, &r))
			reads += r.kind == REPORT_READ;
	}
	return reads;
}

static void bench(unsigned n, us_t period, us_t seconds, uint16_t port)
{
	struct bus **b = mem_alloc(n, sizeof(*b));
	struct queue *reports = queue_create(sizeof(struct report), 256);
	const struct bus_conf c = {.name = "plant", .kind = BUS_TCP, .host = "127.0.0.1", .tcp_port = port, .timeout = US_S};
	const struct want w = {.unit = 1, .table = TABLE_HOLDING, .len = REGISTERS, .period = period, .prio = CLASS_NORMAL};
	const struct unit_rule rule = {.unit = 1, .timeout = US_S, .max_read = READ_REGISTERS_MAX, .max_hole = UINT16_MAX};
	for (unsigned i = 0; i < n; i++) {
		b[i] = bus_create(&c, i, i, n, reports);
		bus_adopt(b[i], &w, 1, &rule, 1);
	}
	collect(reports, clock_now() + 2 * US_S);
	const double cpu = cpu_seconds();
	const us_t begun = clock_now();
	const unsigned reads = collect(reports, begun + seconds);
	const double took = (double)(clock_now() - begun) / 1e6, used = cpu_seconds() - cpu;
	unsigned missed = 0;
	for (unsigned i = 0; i < n; i++) {
		struct bus_figures f;
		bus_figures(b[i], &f);
		missed += f.missed;
	}
	printf("%3u endpoints, every %3d ms: %.0f reads/s", n, (int)(period / US_MS), reads / took);
	if (period)
		printf(", %.3f of those due, missed %u", reads / took / ((double)n * 1e6 / (double)period), missed);
	printf("; %.1f us CPU a read; resident %ld KiB, private %ld KiB\n", used / reads * 1e6, memory("Rss:"),
	       memory("Private_"));
	for (unsigned i = 0; i < n; i++)
		bus_close(b[i]);
	queue_close(reports);
	for (unsigned i = 0; i < n; i++)
		bus_destroy(b[i]);
	queue_destroy(reports);
	free(b);
}

int main(int argc, char **argv)
{
	const unsigned endpoints = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
	const us_t seconds = (argc > 2 ? atoi(argv[2]) : 5) * US_S;
	uint16_t port;
	mallopt(M_ARENA_MAX, 1); /* as the daemon does */
	const pid_t server = start_server(&port);
	bench(endpoints, 100 * US_MS, seconds, port);
	bench(1, PERIOD_FASTEST, seconds, port);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	return 0;
}
