// SPDX-License-Identifier: MIT
/*
 * Modbus TCP beside the yardsticks: one device as fast as possible, 100 endpoints every 100 ms,
 * 1,000 endpoints, and what one that is dead does to the others. The devices are another process,
 * so that CPU and memory are the gateway's alone.
 */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../unit/bus_rig.h"
#include "../unit/tcp_peer.h"
#include "row.h"

#define REGISTERS 100
#define MANY 1000
#define UP_WITHIN (90 * US_S) /* connects are spread */
#define GAP_SLOTS 4000        /* of 0.1 ms */
#define EVENTS 64
#define GATHER (4 * US_MS) /* as xnetd's main loop does: what comes faster is taken together */

/* -- the devices ------------------------------------------------------------------ */

static void serve_one(int fd)
{
	uint8_t buf[1024], answer[PDU_MAX], frame[MBAP_MAX];
	const ssize_t got = recv(fd, buf, sizeof(buf), 0);
	struct mbap f;
	if (got <= 0) {
		close(fd);
		return;
	}
	if (mbap_parse(buf, (size_t)got, &f) <= 0)
		return;
	const size_t n = tcp_peer_pdu(f.pdu, f.unit, answer);
	tcp_peer_say(fd, frame, mbap_build(frame, f.transaction, f.unit, answer, n));
}

static void serve(int listener)
{
	const int e = epoll_create1(0), one = 1;
	struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
	epoll_ctl(e, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		struct epoll_event ready[EVENTS];
		const int n = epoll_wait(e, ready, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (ready[i].data.fd != listener) {
				serve_one(ready[i].data.fd);
				continue;
			}
			event.data.fd = accept(listener, NULL, NULL);
			setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			epoll_ctl(e, EPOLL_CTL_ADD, event.data.fd, &event);
		}
	}
}

static pid_t serve_apart(uint16_t *port)
{
	const int listener = tcp_peer_listen(AF_INET, port);
	if (listener < 0 || listen(listener, 1024) < 0)
		abort();
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0)
		serve(listener);
	close(listener);
	return pid;
}

/* -- the gateway -------------------------------------------------------------------- */

struct plant {
	struct queue *reports;
	struct bus *bus[MANY];
	unsigned n;
	us_t last[MANY], gap[MANY];
	uint32_t reads[MANY], failed, wrong;
	uint32_t gaps[GAP_SLOTS], ngap; /* by length */
};

static struct plant plant;

static void plant_bus(unsigned i, unsigned n, uint16_t port, us_t period)
{
	const struct bus_conf conf = {
		.name = "plant",
		.kind = BUS_TCP,
		.host = "127.0.0.1",
		.tcp_port = port,
		.data = 8,
		.stop = 1,
		.parity = 'N',
		.timeout = 500 * US_MS,
	};
	struct unit_rule rule = rig_rule(1);
	const struct want w = rig_want(1, TABLE_HOLDING, 0, REGISTERS, period);
	rule.timeout = 500 * US_MS;
	plant.bus[i] = bus_create(&conf, i, i, n, plant.reports);
	bus_adopt(plant.bus[i], &w, 1, &rule, 1);
}

static void plant_add(uint16_t port, us_t period)
{
	plant_bus(plant.n, plant.n + 1, port, period);
	plant.n++;
}

static void plant_begin(unsigned n, uint16_t port, us_t period)
{
	memset(&plant, 0, sizeof(plant));
	plant.n = n;
	plant.reports = queue_create(sizeof(struct report), 256);
	for (unsigned i = 0; i < n; i++)
		plant_bus(i, n, port, period);
}

static void plant_take(const struct report *r)
{
	plant.failed += r->kind == REPORT_FAILED;
	if (r->kind != REPORT_READ)
		return;
	for (uint16_t i = 0; i < r->span.count; i++)
		if (r->word[i] != tcp_peer_value(r->span.unit, (unsigned)r->span.addr + i)) {
			plant.wrong++;
			break;
		}
	const us_t gap = plant.last[r->bus] ? r->at - plant.last[r->bus] : 0;
	plant.last[r->bus] = r->at;
	if (gap) {
		const us_t slot = gap / 100;
		plant.gaps[slot < GAP_SLOTS ? slot : GAP_SLOTS - 1]++;
		plant.ngap++;
	}
	if (gap > plant.gap[r->bus])
		plant.gap[r->bus] = gap;
	plant.reads[r->bus]++;
}

static void plant_run(us_t time)
{
	const us_t until = clock_now() + time;
	memset(plant.last, 0, sizeof(plant.last));
	memset(plant.gap, 0, sizeof(plant.gap));
	memset(plant.reads, 0, sizeof(plant.reads));
	memset(plant.gaps, 0, sizeof(plant.gaps));
	plant.ngap = 0;
	plant.failed = 0;
	us_t taken = 0;
	for (us_t now; (now = clock_now()) < until;) {
		struct pollfd f = {.fd = queue_fd(plant.reports), .events = POLLIN};
		struct report r;
		if (now - taken < 2 * GATHER)
			poll(NULL, 0, (int)(GATHER / US_MS));
		else
			poll(&f, 1, (int)((until - now) / US_MS) + 1);
		while (queue_pop(plant.reports, &r)) {
			plant_take(&r);
			taken = now;
		}
	}
}

static unsigned plant_up(void)
{
	unsigned up = 0;
	for (unsigned i = 0; i < plant.n; i++) {
		struct bus_figures f;
		bus_figures(plant.bus[i], &f);
		up += f.up;
	}
	return up;
}

/* As long as it takes until all are connected. */
static void plant_warm(void)
{
	const us_t from = clock_now();
	while (plant_up() < plant.n && clock_now() < from + UP_WITHIN)
		plant_run(100 * US_MS);
	printf("%u endpoints up after %.1f s\n", plant_up(), (double)(clock_now() - from) / 1e6);
	plant_run(2 * US_S);
}

static double plant_gap(double share)
{
	uint32_t n = 0;
	unsigned slot = 0;
	while (slot < GAP_SLOTS && (n += plant.gaps[slot]) < share * plant.ngap)
		slot++;
	return slot / 10.0;
}

static void plant_end(void)
{
	unsigned ended = 0;
	struct report r;
	for (unsigned i = 0; i < plant.n; i++)
		bus_close(plant.bus[i]);
	while (ended < plant.n) {
		struct pollfd f = {.fd = queue_fd(plant.reports), .events = POLLIN};
		poll(&f, 1, -1);
		while (queue_pop(plant.reports, &r))
			ended += r.kind == REPORT_ENDED;
	}
	for (unsigned i = 0; i < plant.n; i++)
		bus_destroy(plant.bus[i]);
	queue_destroy(plant.reports);
}

/* -- figures ---------------------------------------------------------------------- */

static double cpu(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double switches(void)
{
	struct rusage all, own;
	getrusage(RUSAGE_SELF, &all);
	getrusage(RUSAGE_THREAD, &own);
	return (double)(all.ru_nvcsw + all.ru_nivcsw - own.ru_nvcsw - own.ru_nivcsw);
}

static unsigned threads(void)
{
	char line[128];
	unsigned n = 0;
	FILE *f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "Threads: %u", &n) != 1)
		;
	if (f)
		fclose(f);
	return n;
}

static double kilobytes(const char *what)
{
	char line[128];
	double sum = 0, kb;
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, what, strlen(what)) == 0 &&
		    sscanf(strchr(line, ':') + 1, "%lf", &kb) == 1)
			sum += kb;
	if (f)
		fclose(f);
	return sum;
}

/* The same requests and answers by nothing but send() and recv(): what this machine can do. */
static double bare_loop(uint16_t port)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
	                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                               .sin_port = htons(port)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	const uint8_t pdu[] = {FC_READ_HOLDING, 0, 0, 0, REGISTERS};
	uint8_t frame[MBAP_MAX], answer[MBAP_MAX];
	unsigned n = 0;
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		abort();
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	const us_t from = clock_now();
	while (clock_now() < from + 3 * US_S) {
		const size_t len = mbap_build(frame, (uint16_t)++n, 1, pdu, sizeof(pdu));
		if (!tcp_peer_say(fd, frame, len) || recv(fd, answer, sizeof(answer), 0) <= 0)
			abort();
	}
	close(fd);
	return n / ((double)(clock_now() - from) / 1e6);
}

static void bench_one(uint16_t port)
{
	const double bare = bare_loop(port);
	plant_begin(1, port, PERIOD_FASTEST);
	plant_run(US_S);
	const double before = cpu();
	const us_t from = clock_now();
	plant_run(5 * US_S);
	const double spent = cpu() - before, time = (double)(clock_now() - from) / 1e6;
	const double rate = plant.reads[0] / time;
	printf("one device as fast as possible: a bare loop of send and recv %.0f reads/s; CPU "
	       "%.2f us a "
	       "read, failed %u, wrong %u\n",
	       bare, spent / plant.reads[0] * 1e6, plant.failed, plant.wrong);
	bench_least("bus alone: one TCP device, reads/s of 100 registers", rate, 25000);
	plant_end();
}

static void bench_many(uint16_t port, unsigned n, us_t period, us_t time)
{
	plant_begin(n, port, period);
	plant_warm();
	const double before = cpu(), switched = switches();
	plant_run(time);
	const double spent = cpu() - before, switching = switches() - switched;
	uint32_t least = UINT32_MAX, most = 0, missed = 0, up = 0, all = 0;
	us_t gap = 0;
	for (unsigned i = 0; i < n; i++) {
		struct bus_figures f;
		bus_figures(plant.bus[i], &f);
		missed += f.missed;
		up += f.up;
		all += plant.reads[i];
		least = plant.reads[i] < least ? plant.reads[i] : least;
		most = plant.reads[i] > most ? plant.reads[i] : most;
		gap = plant.gap[i] > gap ? plant.gap[i] : gap;
	}
	const int fd = open("/dev/null", O_RDONLY);
	printf("%u endpoints x %d registers every %.0f ms: %u up, reads each %u..%u of %.0f, "
	       "missed %u (0), failed %u, "
	       "wrong %u, worst gap / period %.2f\n",
	       n, REGISTERS, (double)period / 1e3, up, least, most, (double)time / (double)period,
	       missed, plant.failed, plant.wrong, (double)gap / (double)period);
	printf("    CPU %.1f %% of one core, resident %.1f MB, private %.1f MB, next descriptor %d "
	       "(< 1024)\n",
	       spent / ((double)time / 1e6) * 100, kilobytes("Rss") / 1024,
	       (kilobytes("Private_Clean") + kilobytes("Private_Dirty")) / 1024, fd);
	printf("    threads %u, CPU %.1f us a read, context switches of the buses %.2f a read\n",
	       threads(), spent / all * 1e6, switching / all);
	close(fd);
	plant_end();
}

/* A host that drops what comes: its listener takes no more connections. */
static uint16_t dead_endpoint(int *fd)
{
	uint16_t port = 0;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	fd[0] = tcp_peer_listen(AF_INET, &port);
	listen(fd[0], 0);
	to.sin_port = htons(port);
	for (int i = 1; i < 4; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fd[i], (const struct sockaddr *)&to, sizeof(to));
	}
	return port;
}

/* In turns without and with it, so that the machine's own load counts for both. */
static void bench_dead(uint16_t port)
{
	int fd[4];
	double gap[2] = {0};
	const uint16_t dead = dead_endpoint(fd);
	for (int i = 0; i < 6; i++) {
		plant_begin(50, port, 100 * US_MS);
		if (i % 2)
			plant_add(dead, 100 * US_MS);
		plant_run(4 * US_S);
		plant_run(4 * US_S);
		gap[i % 2] += plant_gap(0.99) / 3;
		plant_end();
	}
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	printf("p99 gap of 50 endpoints every 100 ms: %.1f ms, beside a dead one %.1f ms\n", gap[0],
	       gap[1]);
	bench_most("one dead endpoint: the others' p99 gap / without it", gap[1] / gap[0], 1.02);
}

int main(void)
{
	uint16_t port = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	mallopt(M_ARENA_MAX, 1); /* as xnetd does */
	const pid_t devices = serve_apart(&port);
	bench_one(port);
	bench_many(port, 100, 100 * US_MS, 10 * US_S);
	bench_many(port, MANY, US_S, 10 * US_S);
	bench_dead(port);
	kill(devices, SIGKILL);
	waitpid(devices, NULL, 0);
	return 0;
}
