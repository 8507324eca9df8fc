// SPDX-License-Identifier: MIT
/*
 * Fresh under overload: how old values are when they arrive, where more is wanted than the way to
 * the broker takes. The real xnetd, a real mosquitto, ten devices on Modbus TCP whose first two
 * words are the time. Flat out on loopback, and through a link of 20 kB/s with twice as much
 * wanted. Usage: bench_fresh; run where xnetd was built.
 */
#include "plant_rig.h"
#include "row.h"

#define DEVICES 10
#define POINTS 98 /* besides the time: 100 registers a device */
#define SETTLE (5 * US_S)
#define WINDOW (10 * US_S)
#define SLOW 20000 /* bytes a second */
#define AGES_MAX 1000000

struct bench {
	char dir[64], map[96], profile[96];
	struct rig_devices *devices;
	uint16_t broker_port, slow_port;
};

static struct bench b;
static unsigned age[AGES_MAX]; /* ms */

static void write_map(int qos, uint16_t port, const char *every)
{
	FILE *f = fopen(b.map, "we"), *p = fopen(b.profile, "we");
	if (!f || !p)
		rig_fail("no place for the map");
	fprintf(p,
	        "title: clock of the bench\npoints:\n  T: {holding: 0, type: u32, every: %s}\n"
	        "  V{n}: {holding: 2, repeat: {n: 1..%u}, every: %s}\n",
	        every, POINTS, every);
	fprintf(f,
	        "gateway: bench\nmqtt: {broker: \"mqtt://127.0.0.1:%u\", qos: {value: %d}, "
	        "sys_interval: 0}\nbuses:\n",
	        port, qos);
	for (unsigned i = 1; i <= DEVICES; i++)
		fprintf(f, "  b%u: {tcp: \"127.0.1.%u:%u\"}\n", i, i, b.devices->port);
	fputs("devices:\n", f);
	for (unsigned i = 1; i <= DEVICES; i++)
		fprintf(f, "  d%u: {profile: clock, bus: b%u, id: 1}\n", i, i);
	fclose(f);
	fclose(p);
}

/* -- the slow link: what it takes from one side in a tick it gives to the other ---------------- */

static void pass(int from, int to, size_t most)
{
	uint8_t buf[65536];
	const ssize_t got = recv(from, buf, most < sizeof buf ? most : sizeof buf, MSG_DONTWAIT);
	if (got > 0 && send(to, buf, (size_t)got, MSG_NOSIGNAL) != got)
		_exit(1);
	if (got == 0)
		_exit(0);
}

static pid_t slow_start(void)
{
	const us_t tick = 10 * US_MS;
	const int small = 4096;
	const struct sockaddr_in to = {.sin_family = AF_INET,
	                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                               .sin_port = htons(b.broker_port)};
	b.slow_port = 0;
	const int listener = tcp_peer_listen(AF_INET, &b.slow_port);
	/* else the kernel's buffers hold seconds of it */
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	fflush(stdout);
	const pid_t pid = fork();
	if (pid != 0) {
		close(listener);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	const int gateway = accept(listener, NULL, NULL);
	const int broker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(broker, (const struct sockaddr *)&to, sizeof to) < 0)
		_exit(1);
	for (;;) {
		pass(gateway, broker, SLOW / (US_S / tick));
		pass(broker, gateway, SIZE_MAX);
		rig_sleep(tick);
	}
}

/* -- the measurement --------------------------------------------------------------------------- */

static int by_size(const void *x, const void *y)
{
	const unsigned p = *(const unsigned *)x, q = *(const unsigned *)y;
	return (p > q) - (p < q);
}

static void measure(const char *what, double limit)
{
	char topic[128], text[64], row[96];
	struct rig_ear ear;
	size_t n = 0;
	unsigned messages = 0;
	rig_ear_open(&ear, b.broker_port, "xnet/sts/#");
	const us_t from = clock_now() + SETTLE, until = from + WINDOW;
	while (clock_now() < until && rig_ear_receive(&ear, topic, text, until)) {
		const char *leaf = strrchr(topic, '/');
		if (clock_now() < from)
			continue;
		messages++;
		if (leaf && strcmp(leaf, "/T") == 0 && n < AGES_MAX)
			age[n++] =
				(uint32_t)(clock_now() / US_MS) - (uint32_t)strtoul(text, NULL, 10);
	}
	close(ear.fd);
	if (n == 0)
		rig_fail("no value arrived");
	qsort(age, n, sizeof *age, by_size);
	printf("%s: %.0f messages/s, age of a value median %u ms, 99 %% %u ms, most %u ms\n", what,
	       messages / (WINDOW / 1e6), age[n / 2], age[n * 99 / 100], age[n - 1]);
	snprintf(row, sizeof row, "%s: age of 99 %% of values, ms", what);
	bench_most(row, age[n * 99 / 100], limit);
}

static void part(const char *what, int qos, bool slow, double limit)
{
	const pid_t broker = rig_broker(b.broker_port);
	const pid_t link = slow ? slow_start() : 0;
	/* 1,500 changed values a second of 28 bytes are twice 20 kB */
	atomic_store(&b.devices->changing, slow ? 14 : 2);
	write_map(qos, slow ? b.slow_port : b.broker_port, slow ? "100ms" : "fastest");
	const pid_t daemon =
		rig_run(NULL, (const char *[]){"./xnetd", "-c", b.map, "-P", b.dir, NULL});
	measure(what, limit);
	rig_end(daemon, SIGTERM);
	if (link)
		rig_end(link, SIGKILL);
	rig_end(broker, SIGTERM);
}

int main(void)
{
	pid_t served;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	snprintf(b.dir, sizeof b.dir, "/tmp/bench_fresh.XXXXXX");
	if (!mkdtemp(b.dir) || access("./xnetd", X_OK) != 0)
		rig_fail("run it where xnetd was built");
	snprintf(b.map, sizeof b.map, "%s/devices.yaml", b.dir);
	snprintf(b.profile, sizeof b.profile, "%s/clock.yaml", b.dir);
	b.devices = rig_devices_start(&served);
	atomic_store(&b.devices->stamped, true);
	b.broker_port = rig_free_port();
	part("fresh, ten TCP devices flat out, QoS 0", 0, false, 200);
	part("fresh, ten TCP devices flat out, QoS 1", 1, false, 200);
	part("fresh, 40 kB/s wanted through 20 kB/s, QoS 0", 0, true, 2000);
	part("fresh, 40 kB/s wanted through 20 kB/s, QoS 1", 1, true, 2000);
	rig_end(served, SIGKILL);
	unlink(b.map);
	unlink(b.profile);
	rmdir(b.dir);
	return 0;
}
