// SPDX-License-Identifier: MIT
/*
 * bench_mqtt: CPU time per published message, ours against a bare loop over the MQTT library that
 * sends the same messages, paced, in one run against one broker. Prints the ratio; the goal
 * is 1.25. Usage: bench_mqtt [SECONDS_PER_PART]; needs mosquitto, else says so and ends with 77.
 */
#include <MQTTAsync.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mqtt/client.h"
#include "row.h"

#define TOPICS 1000
#define BURST 50
#define BURST_US 5000 /* 10,000 messages a second */
#define ROUNDS 7

struct part {
	const char *name;
	double cpu_us; /* of the whole process, per message */
};

static volatile bool is_up;

static int64_t now_us(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * (int64_t)1000000 + t.tv_nsec / 1000;
}

static void sleep_until(int64_t us)
{
	const struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void wait_up(void)
{
	for (int i = 0; i < 2000 && !is_up; i++)
		usleep(5000);
	if (!is_up) {
		fputs("bench_mqtt: no connection\n", stderr);
		exit(1);
	}
}

/* -- broker ------------------------------------------------------------------------------------ */

static int free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		exit(1);
	close(fd);
	return ntohs(a.sin_port);
}

static pid_t broker_start(int port)
{
	char number[16];
	snprintf(number, sizeof number, "%d", port);
	const pid_t pid = fork();
	if (pid == 0) {
		setenv("PATH", "/usr/sbin:/usr/bin:/bin", 1);
		if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
			_exit(77);
		execlp("mosquitto", "mosquitto", "-p", number, (char *)NULL);
		_exit(77);
	}
	usleep(500000); /* both connect again until it is there */
	if (waitpid(pid, NULL, WNOHANG) != 0) {
		puts("bench_mqtt: mosquitto is not installed");
		exit(77);
	}
	return pid;
}

/* -- the paced load ------------------------------------------------------------------------------
 */

static double run(double seconds, void (*burst)(void *ctx, unsigned from, unsigned round),
                  void *ctx)
{
	const unsigned bursts = (unsigned)(seconds * 1e6 / BURST_US);
	const int64_t cpu = now_us(CLOCK_PROCESS_CPUTIME_ID), start = now_us(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < bursts; i++) {
		sleep_until(start + (int64_t)i * BURST_US);
		burst(ctx, i * BURST % TOPICS, i);
	}
	return (double)(now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu) / bursts / BURST;
}

static char topic[TOPICS][64];

static void text_of(unsigned t, unsigned round, char text[32])
{
	snprintf(text, 32, "%u.%02u", t, round % 100);
}

/* -- bare ----------------------------------------------------------------------------------------
 */

struct bare {
	MQTTAsync handle;
	int qos;
};

static void bare_up(void *ctx, MQTTAsync_successData *r)
{
	(void)ctx;
	(void)r;
	is_up = true;
}

static int bare_message(void *ctx, char *name, int len, MQTTAsync_message *m)
{
	(void)ctx;
	(void)len;
	MQTTAsync_freeMessage(&m);
	MQTTAsync_free(name);
	return 1;
}

static void bare_burst(void *ctx, unsigned from, unsigned round)
{
	const struct bare *b = ctx;
	char text[32];
	for (unsigned i = 0; i < BURST; i++) {
		text_of(from + i, round, text);
		MQTTAsync_send(b->handle, topic[from + i], (int)strlen(text), text, b->qos, 1,
		               NULL);
	}
}

static double bare_run(int port, int qos, double seconds)
{
	char uri[64];
	struct bare b = {.qos = qos};
	MQTTAsync_connectOptions o = MQTTAsync_connectOptions_initializer;
	snprintf(uri, sizeof uri, "tcp://127.0.0.1:%d", port);
	is_up = false;
	MQTTAsync_create(&b.handle, uri, "bare", MQTTCLIENT_PERSISTENCE_NONE, NULL);
	MQTTAsync_setCallbacks(b.handle, NULL, NULL, bare_message, NULL);
	o.MQTTVersion = MQTTVERSION_3_1_1;
	o.maxInflight = 100;
	o.onSuccess = bare_up;
	MQTTAsync_connect(b.handle, &o);
	wait_up();
	run(0.5, bare_burst, &b);
	const double cpu = run(seconds, bare_burst, &b);
	usleep(300000);
	MQTTAsync_destroy(&b.handle);
	return cpu;
}

/* -- ours ----------------------------------------------------------------------------------------
 */

struct ours {
	struct outbox *o;
	slot_t slot[TOPICS];
};

static void ours_event(void *ctx, struct mqtt_event *e)
{
	(void)ctx;
	if (e->kind == MQTT_UP)
		is_up = true;
	mqtt_event_free(e);
}

static void ours_burst(void *ctx, unsigned from, unsigned round)
{
	struct ours *u = ctx;
	char text[32];
	for (unsigned i = 0; i < BURST; i++) {
		text_of(from + i, round, text);
		outbox_set(u->o, u->slot[from + i], text, true);
	}
	outbox_kick(u->o);
}

static double ours_run(int port, int qos, double seconds)
{
	const struct mqtt_conf conf = {.host = "127.0.0.1",
	                               .port = (uint16_t)port,
	                               .version = 4,
	                               .keepalive = 20 * US_S,
	                               .retain = true};
	static struct ours u;
	u.o = outbox_create(1000);
	for (unsigned i = 0; i < TOPICS; i++)
		u.slot[i] = outbox_slot(u.o, topic[i], SLOT_VALUE, (uint8_t)qos, true);
	is_up = false;
	struct mqtt_client *c = mqtt_create(&conf, "ours", u.o, NULL, NULL, ours_event, NULL);
	wait_up();
	run(0.5, ours_burst, &u);
	struct mqtt_figures before, after;
	mqtt_figures(c, &before);
	const double cpu = run(seconds, ours_burst, &u);
	mqtt_figures(c, &after);
	/* what was overwritten before it was sent would flatter us */
	const double sent = (double)(after.published - before.published);
	const double wanted = seconds * 1e6 / BURST_US * BURST;
	if (sent < 0.98 * wanted)
		printf("  (only %.0f of %.0f were sent)\n", sent, wanted);
	mqtt_destroy(c, US_S);
	outbox_destroy(u.o);
	return cpu;
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void compare(int port, int qos, double seconds)
{
	double bare[ROUNDS], ours[ROUNDS], ratio[ROUNDS];
	for (int i = 0; i < ROUNDS; i++) {
		bare[i] = bare_run(port, qos, seconds);
		ours[i] = ours_run(port, qos, seconds);
		ratio[i] = ours[i] / bare[i];
	}
	qsort(bare, ROUNDS, sizeof *bare, by_size);
	qsort(ours, ROUNDS, sizeof *ours, by_size);
	qsort(ratio, ROUNDS, sizeof *ratio, by_size);
	char what[80];
	printf("mqtt: 10,000 messages/s, QoS %d: bare %.1f us, ours %.1f us a message\n", qos,
	       bare[ROUNDS / 2], ours[ROUNDS / 2]);
	snprintf(what, sizeof what, "mqtt alone: 10,000 messages/s QoS %d, CPU / bare loop", qos);
	bench_most(what, ratio[ROUNDS / 2], 1.25);
}

int main(int argc, char **argv)
{
	const double seconds = argc > 1 ? atof(argv[1]) : 2;
	const int port = free_port();
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < TOPICS; i++)
		snprintf(topic[i], sizeof topic[i], "xnet/sts/meter%u/Value%u", i / 40, i % 40);
	const pid_t broker = broker_start(port);
	compare(port, 0, seconds);
	compare(port, 1, seconds);
	kill(broker, SIGTERM);
	waitpid(broker, NULL, 0);
	return 0;
}
