// SPDX-License-Identifier: MIT
/* A second northbound with a connection of its own, beside xnet on the broker's. */
#include "daemon_rig.h"

#include "core/base/arena.h"
#include "mqtt/xnet.h"

#define LINK 1
#define OFF "  meter: {bus: line, id: 1, every: 1s, profile: own}\n"
#define ON OFF "  dummy: {bus: line, id: 2, every: 1s, profile: own}\n"
#define POINTS                                                                                     \
	"points:\n  Watts: {holding: 0, scale: 0.1}\n  Relay: {holding: 1, write: true}\n"         \
	"  Fault: {holding: 2, alert: fault, code: 7}\n"

/* It is on while there is a device of its name, and notes all that it is given. */
static struct {
	unsigned created, retired, destroyed, adopted, connected;
	const struct north_clock *clock;
	struct outbox *outbox;
	const struct model *model;
	char seen[2048];
	us_t due; /* what its turn gives */
	unsigned turns;
	char reply[64];
} dummy;

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *fmt, ...)
{
	va_list ap;
	const size_t n = strlen(dummy.seen);
	va_start(ap, fmt);
	vsnprintf(dummy.seen + n, sizeof dummy.seen - n, fmt, ap);
	va_end(ap);
}

static bool enabled(const struct model *m)
{
	return model_find_device(m, "dummy", 5) >= 0;
}

static const struct mqtt_conf *connection(const struct model *m)
{
	static struct mqtt_conf conf[2]; /* of two models, to compare */
	static unsigned n;
	struct mqtt_conf *c = &conf[n++ % 2];
	*c = (struct mqtt_conf){.host = "second", .prefix = "x", .client_id = "own"};
	c->keepalive = (us_t)m->ndevice * US_S; /* something that a reload can change */
	return c;
}

static void *create(struct outbox *o, const struct north_clock *clock)
{
	dummy.created++;
	dummy.outbox = o;
	dummy.clock = clock;
	return &dummy;
}

static void retire(void *self)
{
	(void)self;
	dummy.retired++;
}

static void destroy(void *self)
{
	(void)self;
	dummy.destroyed++;
}

static void adopt(void *self, const struct model *m, const int32_t *same)
{
	(void)self, (void)same;
	dummy.adopted++;
	dummy.model = m;
}

static bool will(void *self, const char **topic, const char **text)
{
	(void)self;
	*topic = "dummy/will";
	*text = "gone";
	return true;
}

static size_t filters(void *self, const char *const **list)
{
	static const char *const filter[] = {"dummy/ask"};
	(void)self;
	*list = filter;
	return 1;
}

static void connected(void *self, uint32_t packet_most)
{
	(void)packet_most;
	(void)self;
	dummy.connected++;
}

static us_t turn(void *self)
{
	(void)self;
	dummy.turns++;
	return dummy.due;
}

static const char *name_of(int32_t device)
{
	return device < 0 ? "gateway" : dummy.model->device[device].name;
}

static void status(void *self, int32_t device, bool online)
{
	(void)self;
	note("%s %s\n", name_of(device), online ? "online" : "offline");
}

static void value(void *self, const struct north_value *v)
{
	(void)self;
	const struct point *p = &dummy.model->device[v->device].set->point[v->point];
	assert_true(v->unix_ms > 0 && v->unix_ms <= dummy.clock->unix_ms + 1000);
	note("%s.%s %s %u %.2f\n", name_of((int32_t)v->device), p->name, v->text, v->value->kind,
	     value_number(v->value));
	outbox_post(dummy.outbox, &(struct post){.topic = p->name, .payload = v->text, .qos = 1});
}

static void alerts(void *self, int32_t device, const struct alerts *a, const char *json)
{
	(void)self;
	assert_non_null(a);
	note("%s alerts %s\n", name_of(device), json);
}

static bool event(void *self, const struct mqtt_event *e, struct north_event *out)
{
	(void)self;
	note("got %s\n", e->topic);
	out->memory = arena_create();
	out->kind = NORTH_COMMAND;
	out->device = 0;
	out->item = arena_array(out->memory, 1, sizeof *out->item);
	out->item[0] =
		(struct north_item){.device = 0, .point = 1, .text = e->payload, .param = "Relay"};
	out->nitem = 1;
	out->reply = mem_strdup("from the dummy");
	return true;
}

static void answer(void *self, void *reply, const char *json)
{
	note("answer %s %s %s\n", self ? "self" : "gone", (char *)reply, json);
	free(reply);
}

static const struct north_ops dummy_north = {
	.name = "dummy",
	.enabled = enabled,
	.connection = connection,
	.create = create,
	.retire = retire,
	.destroy = destroy,
	.adopt = adopt,
	.will = will,
	.filters = filters,
	.connected = connected,
	.turn = turn,
	.status = status,
	.value = value,
	.alerts = alerts,
	.event = event,
	.answer = answer,
};

const struct north_ops *const north_row[] = {&xnet_north, &dummy_north};
const unsigned north_rows = 2;

static void begin(const char *devices)
{
	memset(&dummy, 0, sizeof dummy);
	dummy.due = US_NEVER;
	char text[512];
	snprintf(text, sizeof text, "devices:\n%s", devices);
	rig_begin(text, POINTS);
	rig_said();
}

static const char *seen(void)
{
	static char text[sizeof dummy.seen];
	strcpy(text, dummy.seen);
	dummy.seen[0] = '\0';
	return text;
}

static void link_says(bool up)
{
	rig_event((struct mqtt_event){.kind = up ? MQTT_UP : MQTT_DOWN, .link = LINK});
}

static void ask(const char *topic, const char *payload)
{
	rig_event((struct mqtt_event){.kind = MQTT_MESSAGE,
	                              .link = LINK,
	                              .topic = mem_strdup(topic),
	                              .payload = mem_strdup(payload),
	                              .len = strlen(payload),
	                              .since = rig.now});
}

/* -- tests ------------------------------------------------------------------------------------- */

static void it_has_its_own_connection_and_last_will(void **state)
{
	(void)state;
	begin(ON);
	assert_int_equal(rig.connects, 1);
	assert_int_equal(rig.own.connects, 1);
	assert_ptr_equal(rig.own.outbox, dummy.outbox);
	assert_ptr_not_equal(rig.own.outbox, rig.g.outbox);
	assert_string_equal(rig.own.host, "second");
	assert_string_equal(rig.own.client_id, "own");
	assert_string_equal(rig.own.will, "dummy/will");
	assert_string_equal(rig.own.filter, "dummy/ask");
}

static void it_gets_what_happens_with_value_and_time(void **state)
{
	(void)state;
	begin(ON);
	seen();
	rig_read(0, 123);
	assert_string_equal(seen(), "meter online\nmeter.Watts 12.3 2 12.30\n");
	assert_string_equal(rig_said_on(dummy.outbox), "Watts 12.3");
	assert_string_equal(rig_said(), "meter/status online\nmeter/Watts 12.3");
	rig_read(2, 1);
	assert_non_null(strstr(dummy.seen, "meter alerts {\"faults\":[{\"code\":7,"));
	seen();
	rig_unit(1, false);
	assert_string_equal(seen(), "meter offline\n");
}

static void each_link_is_up_and_down_by_itself(void **state)
{
	(void)state;
	begin(ON);
	assert_true(rig.g.link[0].connected);
	assert_false(rig.g.link[LINK].connected);
	link_says(true);
	assert_int_equal(dummy.connected, 1);
	link_says(false);
	assert_true(rig.g.link[0].connected);
	assert_false(rig.g.link[LINK].connected);
	rig_broker(false);
	link_says(true);
	assert_false(rig.g.link[0].connected);
	assert_true(rig.g.link[LINK].connected);
	assert_int_equal(dummy.connected, 2);
	rig_broker(true); /* not the dummy's */
	assert_int_equal(dummy.connected, 2);
}

/* Whoever may publish there need not be one who may command here. */
static void a_message_belongs_to_its_connection(void **state)
{
	(void)state;
	begin(ON);
	rig_read(1, 0);
	seen();
	rig_said();
	rig_command("dummy/ask", "1"); /* on the broker's */
	assert_string_equal(seen(), "");
	assert_int_equal(rig_bus()->njob, 0);
	ask("xnet/cmd/meter/Relay", "1");
	assert_string_equal(seen(), "got xnet/cmd/meter/Relay\n");
	assert_int_equal(rig_bus()->njob, 1); /* the dummy takes all for its own */
	rig_job(1, 1, OUT_REFUSED);
}

static void a_command_has_its_answer_where_it_came_from(void **state)
{
	(void)state;
	begin(ON);
	rig_read(1, 0);
	seen();
	rig_said();
	ask("dummy/ask", "1");
	rig_job(1, 1, OUT_OK);
	rig_read(1, 1);
	assert_non_null(strstr(dummy.seen, "answer self from the dummy "
	                                   "{\"ok\":true,\"param\":\"Relay\",\"value\":\"1\"}"));
	seen();
	rig_said();
	ask("dummy/ask", "nonsense");
	assert_non_null(strstr(dummy.seen, "answer self from the dummy {\"ok\":false,"));
	assert_null(strstr(rig_said(), "Nak")); /* nobody there has asked */
}

static void a_reload_switches_it_on_and_off(void **state)
{
	(void)state;
	begin(OFF);
	assert_int_equal(dummy.created, 0);
	assert_int_equal(rig.own.connects, 0);
	rig_reload("devices:\n" ON);
	assert_int_equal(dummy.created, 1);
	assert_int_equal(rig.own.connects, 1);
	link_says(true);
	ask("dummy/ask", "1"); /* the outcome is still to come */
	seen();
	rig_reload("devices:\n" OFF);
	assert_int_equal(dummy.retired, 1);
	assert_int_equal(dummy.destroyed, 1);
	assert_int_equal(rig.own.ends, 1);
	assert_false(rig.g.link[LINK].connected);
	assert_int_equal(rig.connects, 1); /* the broker's goes on */
	seen();
	rig_read(0, 5);
	link_says(true); /* still in the queue */
	assert_false(rig.g.link[LINK].connected);
	assert_string_equal(seen(), "");
	assert_non_null(strstr(rig_said(), "meter/Watts 0.5"));
	rig_reload("devices:\n" ON);
	assert_int_equal(dummy.created, 2);
	assert_int_equal(rig.own.connects, 2);
	rig_job(1, 1, OUT_REFUSED); /* the outcome, to whoever is there now */
	assert_non_null(strstr(dummy.seen, "answer self from the dummy {\"ok\":false,"));
}

static void other_settings_connect_it_anew_and_keep_its_outbox(void **state)
{
	(void)state;
	begin(ON);
	rig_read(0, 5);
	struct outbox *const o = dummy.outbox;
	rig_reload("devices:\n" ON "  more: {bus: line, id: 3, every: 1s, profile: own}\n");
	assert_int_equal(rig.own.ends, 1);
	assert_int_equal(rig.own.connects, 2);
	assert_int_equal(rig.connects, 1);
	assert_int_equal(dummy.created, 1);
	assert_ptr_equal(dummy.outbox, o);
	assert_string_equal(rig_said_on(o), "Watts 0.5");
}

static void its_turn_comes_when_it_is_due(void **state)
{
	(void)state;
	begin(ON);
	dummy.due = rig.now + 3 * US_S;
	rig_turn();
	assert_int_equal(rig.g.due[TIMER_NORTH], dummy.due);
	rig_turn();
	assert_int_equal(dummy.clock->now, rig.now);
}

/* The library reads for all connections on one thread: it must not wait for this one. */
static void a_flood_does_not_hold_up_the_broker(void **state)
{
	(void)state;
	begin(ON);
	rig_read(1, 0);
	seen();
	for (unsigned i = 0; i < 3000; i++) {
		struct mqtt_event e = {.kind = MQTT_MESSAGE,
		                       .topic = mem_strdup("dummy/ask"),
		                       .payload = mem_strdup("nonsense"),
		                       .len = 8};
		events_push(events_source(&rig.g, LINK), &e);
	}
	rig_turn();
	rig_broker(false);
	rig_broker(true);
	for (unsigned i = 0; i < 10; i++)
		rig_turn();
	assert_true(rig.g.link[0].connected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(it_has_its_own_connection_and_last_will),
		RIG_TEST(it_gets_what_happens_with_value_and_time),
		RIG_TEST(each_link_is_up_and_down_by_itself),
		RIG_TEST(a_message_belongs_to_its_connection),
		RIG_TEST(a_command_has_its_answer_where_it_came_from),
		RIG_TEST(a_reload_switches_it_on_and_off),
		RIG_TEST(other_settings_connect_it_anew_and_keep_its_outbox),
		RIG_TEST(its_turn_comes_when_it_is_due),
		RIG_TEST(a_flood_does_not_hold_up_the_broker),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
