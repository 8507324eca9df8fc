// SPDX-License-Identifier: MIT
/*
 * Many TCP endpoints on one thread, in real time: what one of them does holds up no other. A farm
 * answers at one port for all that are well; the system's look-up of names is a scripted one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <netdb.h>
#include <sys/epoll.h>

#include "bus_rig.h"
#include "tcp_peer.h"

#define MANY 60
#define OTHER MANY /* tag of the one that is not well */
#define PERIOD (20 * US_MS)
#define BURST 10         /* connects that need not wait, … */
#define GAP (25 * US_MS) /* … and between the others */

/* -- names ------------------------------------------------------------------------ */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool released;
static unsigned hanging;

/* "hang" hangs until it is released, and is nobody then. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hint,
                struct addrinfo **list)
{
	struct place {
		struct addrinfo a;
		struct sockaddr_in to;
	} * p;
	(void)hint;
	if (strcmp(host, "hang") == 0 && hint->ai_flags & AI_NUMERICHOST)
		return EAI_NONAME;
	pthread_mutex_lock(&lock);
	hanging++;
	while (strcmp(host, "hang") == 0 && !released)
		pthread_cond_wait(&changed, &lock);
	hanging--;
	pthread_mutex_unlock(&lock);
	if (strcmp(host, "hang") == 0)
		return EAI_NONAME;
	p = calloc(1, sizeof(*p));
	if (!p)
		return EAI_MEMORY;
	p->to.sin_family = AF_INET;
	p->to.sin_port = htons((uint16_t)strtoul(service, NULL, 10));
	inet_pton(AF_INET, host, &p->to.sin_addr);
	p->a = (struct addrinfo){.ai_family = AF_INET,
	                         .ai_socktype = SOCK_STREAM,
	                         .ai_addr = (struct sockaddr *)&p->to,
	                         .ai_addrlen = sizeof(p->to)};
	*list = &p->a;
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
	free(list);
}

static void release(void)
{
	pthread_mutex_lock(&lock);
	released = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* -- the farm --------------------------------------------------------------------- */

struct farm {
	int listener, epoll;
	uint16_t port;
	pthread_t thread;
	atomic_bool stop;
	atomic_uint accepted;
	us_t accepted_at[4 * MANY];
};

static void farm_answer(int fd)
{
	uint8_t buf[MBAP_MAX], answer[PDU_MAX], frame[MBAP_MAX];
	const ssize_t got = recv(fd, buf, sizeof(buf), 0);
	struct mbap f;
	if (got <= 0)
		close(fd);
	else if (mbap_parse(buf, (size_t)got, &f) > 0)
		tcp_peer_say(fd, frame,
		             mbap_build(frame, f.transaction, f.unit, answer,
		                        tcp_peer_pdu(f.pdu, f.unit, answer)));
}

static void farm_accept(struct farm *f)
{
	const unsigned n = atomic_load(&f->accepted);
	struct epoll_event e = {.events = EPOLLIN};
	e.data.fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	if (n < sizeof(f->accepted_at) / sizeof(*f->accepted_at))
		f->accepted_at[n] = clock_now();
	epoll_ctl(f->epoll, EPOLL_CTL_ADD, e.data.fd, &e);
	atomic_store(&f->accepted, n + 1);
}

static void *farm_main(void *arg)
{
	struct farm *f = arg;
	while (!atomic_load(&f->stop)) {
		struct epoll_event e[16];
		const int n = epoll_wait(f->epoll, e, 16, 20);
		for (int i = 0; i < n; i++)
			if (e[i].data.fd == f->listener)
				farm_accept(f);
			else
				farm_answer(e[i].data.fd);
	}
	return NULL;
}

static void farm_begin(struct farm *f)
{
	struct epoll_event e = {.events = EPOLLIN};
	f->listener = tcp_peer_listen(AF_INET, &f->port);
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	e.data.fd = f->listener;
	listen(f->listener, MANY);
	epoll_ctl(f->epoll, EPOLL_CTL_ADD, f->listener, &e);
	if (pthread_create(&f->thread, NULL, farm_main, f))
		abort();
}

static void farm_end(struct farm *f)
{
	atomic_store(&f->stop, true);
	pthread_join(f->thread, NULL);
	close(f->listener);
	close(f->epoll);
}

/* -- the buses -------------------------------------------------------------------- */

struct world {
	struct farm farm;
	struct queue *reports;
	struct bus *bus[MANY + 1];
	unsigned n;
	struct report report;
	unsigned reads[MANY + 1];
	unsigned least; /* of the well ones */
};

static struct bus *bus_begin(const char *host, uint16_t port, uint32_t tag, struct queue *reports)
{
	const struct bus_conf conf = {
		.name = "plant",
		.kind = BUS_TCP,
		.host = host,
		.tcp_port = port,
		.data = 8,
		.stop = 1,
		.parity = 'N',
		.timeout = 5 * US_S,
	};
	const struct unit_rule rule = rig_rule(1);
	const struct want w = rig_want(1, TABLE_HOLDING, 0, 10, PERIOD);
	struct bus *b = bus_create(&conf, tag, tag, MANY + 1, reports);
	bus_adopt(b, &w, 1, &rule, 1);
	return b;
}

static void add(struct world *w, unsigned n)
{
	for (; w->n < n; w->n++)
		w->bus[w->n] = bus_begin("127.0.0.1", w->farm.port, w->n, w->reports);
}

static void add_other(struct world *w, const char *host, uint16_t port)
{
	w->bus[OTHER] = bus_begin(host, port, OTHER, w->reports);
}

static bool take(struct world *w, us_t limit)
{
	const struct report *r = &w->report;
	while (!queue_pop(w->reports, &w->report)) {
		struct pollfd f = {.fd = queue_fd(w->reports), .events = POLLIN};
		const us_t left = limit - clock_now();
		if (left <= 0)
			return false;
		poll(&f, 1, (int)(left / US_MS) + 1);
	}
	if (r->kind == REPORT_READ)
		w->reads[r->bus]++;
	w->least = UINT32_MAX;
	for (unsigned i = 0; i < w->n; i++)
		if (w->reads[i] < w->least)
			w->least = w->reads[i];
	return true;
}

/* Each of those that are well is read so often from now on. */
static void all_are_read(struct world *w, unsigned times)
{
	const us_t limit = clock_now() + RIG_LIMIT;
	memset(w->reads, 0, sizeof(w->reads));
	do
		assert_true(take(w, limit));
	while (w->least < times);
}

static void await(struct world *w, uint32_t bus, enum report_kind kind)
{
	const us_t limit = clock_now() + RIG_LIMIT;
	do
		assert_true(take(w, limit));
	while (w->report.kind != kind || w->report.bus != bus);
}

static void close_bus(struct world *w, unsigned i)
{
	bus_close(w->bus[i]);
	await(w, i, REPORT_ENDED);
	bus_destroy(w->bus[i]);
	w->bus[i] = NULL;
}

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	*state = w;
	pthread_mutex_lock(&lock);
	released = false;
	hanging = 0;
	pthread_mutex_unlock(&lock);
	w->reports = queue_create(sizeof(struct report), 256);
	farm_begin(&w->farm);
	return 0;
}

/* All from `first` on. */
static bool close_from(struct world *w, unsigned first)
{
	unsigned open = 0, ended = 0;
	const us_t limit = clock_now() + RIG_LIMIT;
	for (unsigned i = first; i <= MANY; i++)
		if (w->bus[i]) {
			bus_close(w->bus[i]);
			open++;
		}
	while (ended < open && take(w, limit))
		ended += w->report.kind == REPORT_ENDED;
	for (unsigned i = first; i <= MANY; i++) {
		bus_destroy(w->bus[i]);
		w->bus[i] = NULL;
	}
	w->n = first;
	return ended == open;
}

static int end(void **state)
{
	struct world *w = *state;
	release();
	const bool ended = close_from(w, 0);
	farm_end(&w->farm);
	queue_destroy(w->reports);
	free(w);
	return ended ? 0 : -1;
}

static unsigned threads(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/task");
	for (const struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* -- tests ------------------------------------------------------------------------ */

static void all_endpoints_have_one_thread(void **state)
{
	struct world *w = *state;
	const unsigned before = threads();
	add(w, MANY);
	all_are_read(w, 3);
	assert_int_equal(threads(), before + 1);
	assert_true(close_from(w, 0));
	assert_int_equal(threads(), before);
}

static void connects_are_spread(void **state)
{
	struct world *w = *state;
	const us_t from = clock_now();
	add(w, MANY);
	all_are_read(w, 1);
	assert_int_equal(atomic_load(&w->farm.accepted), MANY);
	for (unsigned i = BURST; i < MANY; i++)
		assert_true(w->farm.accepted_at[i] >= from + (i - BURST) * GAP);
}

/* All of them at once, again and again. */
static void those_that_refuse_are_tried_no_faster(void **state)
{
	struct world *w = *state;
	uint16_t port = 0;
	const int listener = tcp_peer_listen(AF_INET, &port); /* so nobody else has it */
	shutdown(listener, SHUT_RDWR);
	const us_t from = clock_now();
	struct bus_figures f;
	w->farm.port = port;
	add(w, MANY);
	unsigned down = 0;
	while (down < MANY) {
		assert_true(take(w, from + RIG_LIMIT));
		down += w->report.kind == REPORT_PORT && !w->report.online;
	}
	assert_true(clock_now() >= from + (MANY - BURST) * GAP);
	bus_figures(w->bus[MANY - 1], &f);
	assert_non_null(strstr(f.trouble, "Connection refused"));
	close(listener);
}

/* The last of many that wait to connect has a command: it does not wait. */
static void a_command_goes_before_those_that_wait_to_connect(void **state)
{
	struct world *w = *state;
	uint64_t old;
	const struct job j = rig_job(5, 1, 3, 9);
	add(w, MANY);
	assert_int_equal(bus_submit(w->bus[MANY - 1], &j, &old), SUBMIT_ACCEPTED);
	await(w, MANY - 1, REPORT_JOB);
	assert_int_equal(w->report.outcome, OUT_OK);
	const us_t done = w->report.at;
	all_are_read(w, 1);
	assert_true(w->farm.accepted_at[MANY - 1] > done);
}

static void a_host_that_drops_all_holds_up_no_other(void **state)
{
	struct world *w = *state;
	uint16_t port = 0;
	const int listener = tcp_peer_listen(AF_INET, &port);
	const struct sockaddr_in to = {.sin_family = AF_INET,
	                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                               .sin_port = htons(port)};
	int full[4];
	listen(listener, 0); /* with these it takes no more */
	for (int i = 0; i < 4; i++) {
		full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(full[i], (const struct sockaddr *)&to, sizeof(to));
	}
	add(w, 5);
	all_are_read(w, 1);
	memset(w->reads, 0, sizeof(w->reads));
	add_other(w, "127.0.0.1", port);
	await(w, OTHER, REPORT_PORT);
	assert_false(w->report.online);
	assert_non_null(strstr(w->report.text, "timed out"));
	assert_true(w->least >= 5); /* of 150 in its 3 s */

	const us_t from = clock_now(); /* it is closed while it connects */
	all_are_read(w, 5);
	close_bus(w, OTHER);
	assert_true(clock_now() < from + 3 * US_S);
	for (int i = 0; i < 4; i++)
		close(full[i]);
	close(listener);
}

static void a_name_that_hangs_holds_up_no_other(void **state)
{
	struct world *w = *state;
	uint64_t old;
	struct job j = rig_job(7, 1, 3, 9);
	add_other(w, "hang", 502);
	add(w, 5);
	all_are_read(w, 20);
	j.expires = clock_now() + 100 * US_MS;
	assert_int_equal(bus_submit(w->bus[OTHER], &j, &old), SUBMIT_ACCEPTED);
	await(w, OTHER, REPORT_JOB);
	assert_int_equal(w->report.outcome, OUT_EXPIRED);
	bus_close(w->bus[OTHER]); /* and it still hangs */
	do {
		assert_true(take(w, clock_now() + RIG_LIMIT));
		/* that it is not connected any more is no news */
		assert_false(w->report.bus == OTHER && w->report.kind == REPORT_PORT);
	} while (w->report.kind != REPORT_ENDED);
	bus_destroy(w->bus[OTHER]);
	w->bus[OTHER] = NULL;
	pthread_mutex_lock(&lock);
	assert_int_equal(hanging, 1);
	pthread_mutex_unlock(&lock);
	all_are_read(w, 5);
}

/* Answers that nobody asked for, as many as it gets rid of. */
static void *flood(void *arg)
{
	struct tcp_peer *p = arg;
	uint8_t frames[100 * 12];
	const uint8_t pdu[] = {FC_READ_HOLDING, 2, 0, 1};
	const int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	for (size_t n = 0, id = 1; n + 12 <= sizeof(frames); id++)
		n += mbap_build(frames + n, (uint16_t)id, 1, pdu, sizeof(pdu));
	while (!atomic_load(&p->stop) && send(fd, frames, sizeof(frames), MSG_NOSIGNAL) > 0)
		atomic_fetch_add(&p->requests, 1);
	close(fd);
	return NULL;
}

static void a_peer_that_sends_without_end_holds_up_no_other(void **state)
{
	struct world *w = *state;
	struct tcp_peer peer = {0};
	peer.listener = tcp_peer_listen(AF_INET, &peer.port);
	if (pthread_create(&peer.thread, NULL, flood, &peer))
		abort();
	add(w, 5);
	all_are_read(w, 1);
	add_other(w, "127.0.0.1", peer.port);
	while (!atomic_load(&peer.requests))
		assert_true(take(w, clock_now() + RIG_LIMIT));
	all_are_read(w, 20);
	close_bus(w, OTHER);
	atomic_store(&peer.stop, true);
	pthread_join(peer.thread, NULL);
	close(peer.listener);
}

static void a_peer_that_sends_byte_by_byte_holds_up_no_other(void **state)
{
	struct world *w = *state;
	struct tcp_peer peer;
	assert_true(tcp_peer_begin(&peer, AF_INET, false, 0));
	tcp_peer_script(&peer, PEER_SPLIT, -1);
	add(w, 5);
	add_other(w, "127.0.0.1", peer.port);
	await(w, OTHER, REPORT_READ);
	all_are_read(w, 20);
	await(w, OTHER, REPORT_READ);
	close_bus(w, OTHER);
	tcp_peer_end(&peer);
}

/* Its reports find no room; none is lost, and those of others have a queue of their own. */
static void a_full_queue_parks_only_its_endpoint(void **state)
{
	struct world *w = *state;
	struct queue *full = queue_create(sizeof(struct report), 2);
	struct bus *b = bus_begin("127.0.0.1", w->farm.port, OTHER, full);
	struct report r = {0};
	struct bus_figures f;
	uint64_t old;
	const struct job j = rig_job(9, 1, 3, 9);
	add(w, 5);
	while (queue_used(full) < 2)
		assert_true(take(w, clock_now() + RIG_LIMIT));
	assert_int_equal(bus_submit(b, &j, &old), SUBMIT_ACCEPTED);
	all_are_read(w, 20);
	bus_figures(b, &f);
	assert_true(clock_now() - f.stepped < f.step_limit); /* it lives */
	while (r.kind != REPORT_JOB || r.id != 9)
		if (!queue_pop(full, &r))
			assert_true(take(w, clock_now() + RIG_LIMIT));
	assert_int_equal(r.outcome, OUT_OK);
	bus_close(b);
	while (r.kind != REPORT_ENDED)
		if (!queue_pop(full, &r))
			assert_true(take(w, clock_now() + RIG_LIMIT));
	bus_destroy(b);
	queue_destroy(full);
}

/* Who closes the queue first does not wait for its reports. */
static void a_closed_queue_holds_up_no_end(void **state)
{
	struct world *w = *state;
	struct queue *full = queue_create(sizeof(struct report), 1);
	struct bus *b = bus_begin("127.0.0.1", w->farm.port, OTHER, full);
	add(w, 1);
	all_are_read(w, 5);
	queue_close(full);
	bus_close(b);
	bus_destroy(b);
	queue_destroy(full);
	all_are_read(w, 5);
}

/* A reload that removes all but one, and adds others. */
static void buses_come_and_go_beside_one_that_stays(void **state)
{
	struct world *w = *state;
	add(w, 30);
	all_are_read(w, 2);
	const unsigned accepted = atomic_load(&w->farm.accepted);
	assert_true(close_from(w, 1));
	all_are_read(w, 5);
	assert_int_equal(atomic_load(&w->farm.accepted), accepted);
	add(w, 20);
	all_are_read(w, 2);
	assert_int_equal(atomic_load(&w->farm.accepted), accepted + 19);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_endpoints_have_one_thread),
		TEST(connects_are_spread),
		TEST(those_that_refuse_are_tried_no_faster),
		TEST(a_command_goes_before_those_that_wait_to_connect),
		TEST(a_host_that_drops_all_holds_up_no_other),
		TEST(a_name_that_hangs_holds_up_no_other),
		TEST(a_peer_that_sends_without_end_holds_up_no_other),
		TEST(a_peer_that_sends_byte_by_byte_holds_up_no_other),
		TEST(a_full_queue_parks_only_its_endpoint),
		TEST(a_closed_queue_holds_up_no_end),
		TEST(buses_come_and_go_beside_one_that_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
