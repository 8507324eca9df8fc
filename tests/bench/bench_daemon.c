// SPDX-License-Identifier: MIT
/*
 * The whole daemon beside the yardsticks: the real xnetd, a real mosquitto, devices on Modbus TCP
 * or on a line of true wire time, each a process of its own but for the line. Ratios are taken
 * within one run, in turns with a bare loop over the MQTT library that sends the same messages.
 * Usage: bench_daemon [fast|many|many1|memory|idle|start|broker]; run where xnetd was built.
 */
#include <MQTTAsync.h>

#include "../unit/line_pty.h"
#include "plant_rig.h"
#include "row.h"

#define DEVICES 100
#define POINTS 100
#define CHANGING 10 /* of them with each read: 10,000 messages a second */
#define ROUNDS 3
#define SETTLE (2 * US_S)
#define WINDOW (5 * US_S)

struct bench {
	char dir[64], map[96], profile[96], log[96];
	struct rig_devices *devices;
	uint16_t broker_port;
	pid_t broker, daemon, served;
};

static struct bench b;

/* -- the bare loop: another process of this program ------------------------------------------- */

static atomic_bool is_up;

static void bare_up(void *ctx, MQTTAsync_successData *r)
{
	(void)ctx;
	(void)r;
	atomic_store(&is_up, true);
}

static int bare_message(void *ctx, char *name, int len, MQTTAsync_message *m)
{
	(void)ctx;
	(void)len;
	MQTTAsync_freeMessage(&m);
	MQTTAsync_free(name);
	return 1;
}

static MQTTAsync bare_connect(void)
{
	char uri[64];
	MQTTAsync handle;
	MQTTAsync_connectOptions o = MQTTAsync_connectOptions_initializer;
	snprintf(uri, sizeof uri, "tcp://127.0.0.1:%u", b.broker_port);
	MQTTAsync_create(&handle, uri, "bare", MQTTCLIENT_PERSISTENCE_NONE, NULL);
	MQTTAsync_setCallbacks(handle, NULL, NULL, bare_message, NULL);
	o.MQTTVersion = MQTTVERSION_3_1_1;
	o.maxInflight = 100;
	o.onSuccess = bare_up;
	MQTTAsync_connect(handle, &o);
	while (!atomic_load(&is_up))
		rig_sleep(5 * US_MS);
	return handle;
}

/* One burst for each device, all points in turn, the devices spread over the period. Until killed.
 * A fork of this process, which has no thread then. */
static pid_t bare_start(int qos, unsigned devices, unsigned burst, us_t period)
{
	fflush(stdout);
	const pid_t pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	MQTTAsync handle = bare_connect();
	const us_t start = clock_now();
	for (unsigned i = 0; true; i++) {
		clock_sleep(start + (us_t)i * period / devices);
		for (unsigned k = 0; k < burst; k++) {
			char topic[64], text[16];
			const unsigned point = (i / devices * burst + k) % POINTS;
			snprintf(topic, sizeof topic, "bare/sts/d%u/V%u", i % devices + 1,
			         point + 1);
			const int n = snprintf(text, sizeof text, "%u", (point * 7 + i) & 0xFFFF);
			MQTTAsync_send(handle, topic, n, text, qos, 1, NULL);
		}
		atomic_fetch_add(&b.devices->bare, burst);
	}
}

/* -- the daemon -------------------------------------------------------------------------------- */

static FILE *map_begin(int qos)
{
	FILE *f = fopen(b.map, "we");
	if (!f)
		rig_fail("no place for the map");
	fprintf(f, "gateway: bench\nmqtt: {broker: \"mqtt://127.0.0.1:%u\", qos: {value: %d}}\n",
	        b.broker_port, qos);
	return f;
}

static void profile_write(unsigned points, const char *every)
{
	FILE *f = fopen(b.profile, "we");
	fprintf(f,
	        "title: meter of the bench\npoints:\n  V{n}: {holding: 0, repeat: {n: 1..%u}, "
	        "every: "
	        "%s}\n",
	        points, every);
	fclose(f);
}

/* So many endpoints with one device each. */
static void map_endpoints(unsigned devices, unsigned points, const char *every, int qos)
{
	FILE *f = map_begin(qos);
	profile_write(points, every);
	fputs("buses:\n", f);
	for (unsigned i = 1; i <= devices; i++)
		fprintf(f, "  b%u: {tcp: \"127.0.1.%u:%u\"}\n", i, i, b.devices->port);
	fputs("devices:\n", f);
	for (unsigned i = 1; i <= devices; i++)
		fprintf(f, "  d%u: {profile: meter, bus: b%u, id: 1}\n", i, i);
	fclose(f);
}

static void daemon_start(void)
{
	b.daemon =
		rig_run(b.log, (const char *[]){"./xnetd", "-c", b.map, "--profiles", b.dir, NULL});
}

static void daemon_end(void)
{
	rig_end(b.daemon, SIGTERM);
	b.daemon = 0;
}

static void fail(const char *what)
{
	char line[256];
	FILE *f = fopen(b.log, "re");
	while (f && fgets(line, sizeof line, f))
		fputs(line, stderr);
	rig_fail(what);
}

/* Until each device was read so often from now on. */
static void daemon_await(unsigned devices, unsigned reads)
{
	const us_t limit = clock_now() + RIG_PATIENCE;
	unsigned from[RIG_DEVICES];
	for (unsigned i = 1; i <= devices; i++)
		from[i] = atomic_load(&b.devices->reads[i]);
	for (unsigned i = 1; i <= devices; i++)
		while (atomic_load(&b.devices->reads[i]) - from[i] < reads) {
			if (clock_now() > limit || waitpid(b.daemon, NULL, WNOHANG) != 0)
				fail("the daemon does not read its devices");
			rig_sleep(5 * US_MS);
		}
}

/* CPU seconds a second. */
static double cpu_of(pid_t pid, us_t time)
{
	const us_t from = clock_now();
	const double before = rig_use(pid).cpu;
	rig_sleep(time);
	return (rig_use(pid).cpu - before) / ((double)(clock_now() - from) / 1e6);
}

static int by_size(const void *x, const void *y)
{
	const double p = *(const double *)x, q = *(const double *)y;
	return p < q ? -1 : p > q;
}

static double median(double *of)
{
	qsort(of, ROUNDS, sizeof *of, by_size);
	return of[ROUNDS / 2];
}

/* -- one device as fast as possible ------------------------------------------------------------ */

static void bench_fast(void)
{
	double rate[ROUNDS], cpu[ROUNDS];
	atomic_store(&b.devices->changing, 0);
	map_endpoints(1, POINTS, "fastest", 0);
	daemon_start();
	daemon_await(1, 1000);
	for (int i = 0; i < ROUNDS; i++) {
		const unsigned before = atomic_load(&b.devices->reads[1]);
		const us_t from = clock_now();
		cpu[i] = cpu_of(b.daemon, 3 * US_S);
		rate[i] = (atomic_load(&b.devices->reads[1]) - before) /
		          ((double)(clock_now() - from) / 1e6);
		cpu[i] = cpu[i] / rate[i] * 1e6;
	}
	daemon_end();
	const double least = median(rate);
	printf("one TCP device as fast as possible: %.0f to %.0f reads/s, CPU %.1f us a read\n",
	       rate[0], rate[ROUNDS - 1], median(cpu));
	bench_least("daemon: one TCP device, reads/s of 100 registers", least, 20000);
}

/* -- 100 devices, 100 points each, every 100 ms, all changing ---------------------------------- */

static unsigned reads_of_all(unsigned *least)
{
	unsigned sum = 0;
	*least = UINT32_MAX;
	for (unsigned i = 1; i <= DEVICES; i++) {
		const unsigned n = atomic_load(&b.devices->reads[i]);
		sum += n;
		*least = n < *least ? n : *least;
	}
	return sum;
}

struct many {
	double bare[ROUNDS], ours[ROUNDS], ratio[ROUNDS]; /* CPU us a message */
	double reads, sent[2];                            /* a second; [1]: ours */
	double least;
};

/* Heard of each device's first point: a hundredth of all. */
static double messages_received(struct rig_ear *ear, us_t from)
{
	char topic[128], text[64];
	double n = 0;
	while (rig_ear_receive(ear, topic, text, 0))
		n++;
	return n * POINTS / ((double)(clock_now() - from) / 1e6);
}

/* Both at the same time: on a machine with other work nothing else can be compared. */
static void many_window(struct many *m, int i, pid_t bare, struct rig_ear *ear)
{
	unsigned least;
	messages_received(ear, 0);
	for (unsigned k = 1; k <= DEVICES; k++)
		atomic_store(&b.devices->reads[k], 0);
	atomic_store(&b.devices->bare, 0);
	const us_t from = clock_now();
	const double ours = rig_use(b.daemon).cpu, theirs = rig_use(bare).cpu;
	rig_sleep(WINDOW);
	m->ours[i] = rig_use(b.daemon).cpu - ours;
	m->bare[i] = rig_use(bare).cpu - theirs;
	const double seconds = (double)(clock_now() - from) / 1e6;
	m->reads = reads_of_all(&least) / seconds;
	m->least = least / seconds;
	m->sent[0] = (double)atomic_load(&b.devices->bare) / seconds;
	m->sent[1] = messages_received(ear, from);
	m->ours[i] = m->ours[i] * 1e6 / seconds / m->sent[1];
	m->bare[i] = m->bare[i] * 1e6 / seconds / m->sent[0];
	m->ratio[i] = m->ours[i] / m->bare[i];
}

static void bench_many(int qos)
{
	static struct rig_ear ear;
	struct many m = {0};
	char what[80];
	atomic_store(&b.devices->changing, CHANGING);
	map_endpoints(DEVICES, POINTS, "100ms", qos);
	const pid_t bare = bare_start(qos, DEVICES, CHANGING, 100 * US_MS);
	daemon_start();
	daemon_await(DEVICES, 2 * POINTS / CHANGING); /* each value has been told */
	rig_ear_open(&ear, b.broker_port, "xnet/sts/+/V1");
	rig_sleep(SETTLE);
	for (int i = 0; i < ROUNDS; i++)
		many_window(&m, i, bare, &ear);
	const struct rig_use use = rig_use(b.daemon);
	close(ear.fd);
	daemon_end();
	rig_end(bare, SIGKILL);
	const double theirs = median(m.bare), ours = median(m.ours);
	printf("%d TCP devices x %d points every 100 ms, QoS %d: bare loop %.0f messages/s, CPU "
	       "%.1f us each; ours %.0f messages/s, %.1f us each, with %.0f reads/s\n",
	       DEVICES, POINTS, qos, m.sent[0], theirs, m.sent[1], ours, m.reads);
	snprintf(what, sizeof what, "daemon: 10,000 messages/s QoS %d, CPU / bare loop", qos);
	bench_most(what, median(m.ratio), 1.25);
	if (qos)
		return;
	bench_most("daemon: own CPU per message, reads and all, us", ours - theirs, 4);
	bench_least("daemon: reads/s of the slowest of 100 devices (10)", m.least, 9.9);
	bench_most("daemon: 100 x 100 points, resident MB", use.resident / 1024, 10);
	bench_most("daemon: 100 x 100 points, private MB", use.shared_not / 1024, 4);
}

/* -- memory per point -------------------------------------------------------------------------- */

static double private_with(unsigned points)
{
	map_endpoints(DEVICES, points, "100ms", 0);
	daemon_start();
	daemon_await(DEVICES, 2 * POINTS / CHANGING);
	rig_sleep(SETTLE);
	const double kb = rig_use(b.daemon).shared_not;
	daemon_end();
	return kb;
}

static void bench_memory(void)
{
	atomic_store(&b.devices->changing, CHANGING);
	const double few = private_with(1), all = private_with(POINTS);
	printf("private memory: %.0f kB with 100 points, %.0f kB with 10,000\n", few, all);
	bench_most("daemon: bytes per point, at 10,000",
	           (all - few) * 1024 / (DEVICES * (POINTS - 1)), 330);
}

/* -- a line ------------------------------------------------------------------------------------ */

static void map_line(const struct line_pty *line, unsigned devices, unsigned points,
                     const char *every)
{
	FILE *f = map_begin(0);
	profile_write(points, every);
	fprintf(f, "buses:\n  line: {port: %s, baud: 9600}\ndevices:\n", line->path);
	for (unsigned i = 1; i <= devices; i++)
		fprintf(f, "  d%u: {profile: meter, id: %u}\n", i, i);
	fclose(f);
}

static void change_all(struct line_pty *line, unsigned points)
{
	pthread_mutex_lock(&line->lock);
	for (unsigned i = 0; i < points; i++)
		line->held[1][i] = (uint16_t)(line->held[1][i] + 1);
	pthread_mutex_unlock(&line->lock);
}

/* One line, ten registers a second, all changing; the bare loop runs at the same time. */
static void bench_idle(void)
{
	struct line_pty line;
	const int seconds = 30;
	line_pty_begin(&line, 9600, 5 * US_MS);
	map_line(&line, 1, 10, "1s");
	daemon_start();
	const pid_t bare = bare_start(0, 1, 10, US_S);
	for (int i = 0; i < 6; i++, rig_sleep(500 * US_MS))
		change_all(&line, 10);
	const struct rig_use ours = rig_use(b.daemon), theirs = rig_use(bare);
	for (int i = 0; i < 2 * seconds; i++, rig_sleep(500 * US_MS))
		change_all(&line, 10);
	const struct rig_use now = rig_use(b.daemon), then = rig_use(bare);
	daemon_end();
	rig_end(bare, SIGKILL);
	line_pty_end(&line);
	const double hour = 3600.0 / seconds, cpu = (now.cpu - ours.cpu) * hour,
		     base = (then.cpu - theirs.cpu) * hour;
	printf("idle: CPU %.2f s an hour, bare loop %.2f; resident %.1f MB\n", cpu, base,
	       now.resident / 1024);
	bench_most("daemon: idle, CPU s/h above the bare loop", cpu - base, 1);
	bench_most("daemon: idle, wake-ups/s of our own threads",
	           (double)(now.woken - ours.woken) / seconds, 6);
	bench_most("daemon: idle, private MB", now.shared_not / 1024, 3);
}

/* -- from exec to the values ------------------------------------------------------------------- */

#define START_UNITS 4
#define START_POINTS 20

struct start {
	double request, value, all; /* ms since exec */
};

static bool is_value(const char *topic)
{
	const char *leaf = strrchr(topic, '/');
	return strncmp(topic, "xnet/sts/d", 10) == 0 && leaf && leaf[1] == 'V';
}

static struct start start_once(void)
{
	struct line_pty line;
	struct rig_ear *ear = calloc(1, sizeof *ear);
	struct start s = {0};
	char topic[128], text[64];
	bool seen[START_UNITS + 1][START_POINTS + 1] = {{false}};
	line_pty_begin(&line, 9600, 5 * US_MS);
	map_line(&line, START_UNITS, START_POINTS, "1s");
	rig_ear_open(ear, b.broker_port, "xnet/sts/#");
	while (rig_ear_receive(ear, topic, text, clock_now() + 100 * US_MS))
		; /* what is left of the last time */
	const us_t exec = clock_now();
	daemon_start();
	for (unsigned left = START_UNITS * START_POINTS; left;) {
		unsigned d, p;
		if (!rig_ear_receive(ear, topic, text, exec + RIG_PATIENCE))
			fail("the values do not come");
		if (!is_value(topic) || sscanf(topic, "xnet/sts/d%u/V%u", &d, &p) != 2 ||
		    d > START_UNITS || p > START_POINTS || seen[d][p])
			continue;
		seen[d][p] = true;
		left--;
		s.all = (double)(clock_now() - exec) / 1e3;
		s.value = s.value != 0 ? s.value : s.all;
	}
	pthread_mutex_lock(&line.lock);
	s.request = (double)(line.request_at - exec) / 1e3;
	pthread_mutex_unlock(&line.lock);
	daemon_end();
	line_pty_end(&line);
	close(ear->fd);
	free(ear);
	return s;
}

static void bench_start(void)
{
	struct wire w;
	double request[ROUNDS], value[ROUNDS], all[ROUNDS];
	wire_init(&w, 9600, 8, 'N', 1, 0);
	for (int i = 0; i < ROUNDS; i++) {
		const struct start s = start_once();
		request[i] = s.request;
		value[i] = s.value - s.request;
		all[i] = s.all - s.request;
	}
	const double one = (double)wire_read(&w, TABLE_HOLDING, START_POINTS, 5 * US_MS) / 1e3;
	const double brief = (double)(wire_read(&w, TABLE_HOLDING, 1, 5 * US_MS) + w.silence) / 1e3;
	printf("start: one exchange takes %.1f ms; a unit is proven in step by one of %.1f\n", one,
	       brief);
	bench_most("daemon: exec -> first request, ms", median(request), 15);
	bench_most("daemon: first request -> first value on MQTT, ms", median(value),
	           brief + one + 5);
	bench_most("daemon: first request -> all values on MQTT, ms", median(all),
	           START_UNITS * (brief + one) + 30);
}

/* -- the broker goes and comes back ------------------------------------------------------------ */

static void bench_broker(void)
{
	struct rig_ear *ear = calloc(1, sizeof *ear);
	char topic[128], text[64];
	bool seen[POINTS + 1] = {false};
	atomic_store(&b.devices->changing, CHANGING);
	map_endpoints(1, POINTS, "100ms", 0);
	daemon_start();
	daemon_await(1, 20);
	rig_end(b.broker, SIGTERM);
	atomic_store(&b.devices->reads[1], 0);
	const us_t gone = clock_now();
	rig_sleep(30 * US_S);
	const double reads =
		atomic_load(&b.devices->reads[1]) / ((double)(clock_now() - gone) / 1e6);
	b.broker = rig_broker(b.broker_port);
	const us_t back = clock_now();
	rig_ear_open(ear, b.broker_port, "xnet/sts/#");
	for (unsigned left = POINTS; left;) {
		unsigned p;
		if (!rig_ear_receive(ear, topic, text, back + RIG_PATIENCE))
			fail("the values do not come back");
		if (sscanf(topic, "xnet/sts/d1/V%u", &p) != 1 || p > POINTS || seen[p])
			continue;
		seen[p] = true;
		left--;
	}
	const us_t current = clock_now();
	daemon_end();
	close(ear->fd);
	free(ear);
	bench_least("daemon: broker gone 30 s, reads/s meanwhile (10)", reads, 9.9);
	bench_most("daemon: broker back -> everything current, s", (double)(current - back) / 1e6,
	           1);
}

/* --
 * ------------------------------------------------------------------------------------------------
 */

static void bench_many_0(void)
{
	bench_many(0);
}

static void bench_many_1(void)
{
	bench_many(1);
}

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = {
	{"fast", bench_fast},     {"many", bench_many_0}, {"many1", bench_many_1},
	{"memory", bench_memory}, {"idle", bench_idle},   {"start", bench_start},
	{"broker", bench_broker},
};

static void begin(void)
{
	snprintf(b.dir, sizeof b.dir, "/tmp/bench_daemon.XXXXXX");
	if (!mkdtemp(b.dir) || access("./xnetd", X_OK) != 0)
		rig_fail("run it where xnetd was built");
	snprintf(b.map, sizeof b.map, "%s/devices.yaml", b.dir);
	snprintf(b.profile, sizeof b.profile, "%s/meter.yaml", b.dir);
	snprintf(b.log, sizeof b.log, "%s/log", b.dir);
	b.devices = rig_devices_start(&b.served);
	b.broker_port = rig_free_port();
}

static void end(void)
{
	rig_end(b.served, SIGKILL);
	unlink(b.map);
	unlink(b.profile);
	unlink(b.log);
	rmdir(b.dir);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	begin();
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (argc > 1 && strcmp(argv[1], parts[i].name) != 0)
			continue;
		b.broker = rig_broker(b.broker_port); /* a new one: nothing is retained */
		parts[i].run();
		rig_end(b.broker, SIGTERM);
	}
	end();
	return 0;
}
