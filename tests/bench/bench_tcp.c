// SPDX-License-Identifier: MIT
/*
 * Modbus TCP beside the yardsticks: one device as fast as possible, 100 endpoints every 100 ms, 500
 * endpoints. The devices are another process, so that CPU and memory are the gateway's alone.
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
#define MANY 500
#define EVENTS 64

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
};

static struct plant plant;

static void plant_begin(unsigned n, uint16_t port, us_t period)
{
	memset(&plant, 0, sizeof(plant));
	plant.n = n;
	plant.reports = queue_create(sizeof(struct report), 256);
	for (unsigned i = 0; i < n; i++) {
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
	plant.failed = 0;
	for (us_t now; (now = clock_now()) < until;) {
		struct pollfd f = {.fd = queue_fd(plant.reports), .events = POLLIN};
		struct report r;
		poll(&f, 1, (int)((until - now) / US_MS) + 1);
		while (queue_pop(plant.reports, &r))
			plant_take(&r);
	}
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
	bench_least("bus alone: one TCP device, reads/s of 100 registers", rate, 20000);
	plant_end();
}

static void bench_many(uint16_t port, unsigned n, us_t period, us_t time)
{
	plant_begin(n, port, period);
	plant_run(3 * US_S);
	const double before = cpu();
	plant_run(time);
	const double spent = cpu() - before;
	uint32_t least = UINT32_MAX, most = 0, missed = 0, up = 0;
	us_t gap = 0;
	for (unsigned i = 0; i < n; i++) {
		struct bus_figures f;
		bus_figures(plant.bus[i], &f);
		missed += f.missed;
		up += f.up;
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
	close(fd);
	plant_end();
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
	kill(devices, SIGKILL);
	waitpid(devices, NULL, 0);
	return 0;
}
