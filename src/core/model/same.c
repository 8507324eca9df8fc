// SPDX-License-Identifier: MIT
/*
 * What is behind a pointer is compared, and the pointer then taken out of both copies; all the rest
 * is compared as bytes. So a new member is never left out: at worst nothing is the
 * same any more, which a unit test notices.
 */
#include "core/model/same.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/text.h"

static bool text_out(const char **a, const char **b)
{
	const bool same = text_same(*a, *b);
	*a = *b = NULL;
	return same;
}

/* Both arrays have n elements without pointers. What is between their members may make equal ones
 * differ. */
static bool array_same(const void *a, const void *b, size_t n, size_t size)
{
	return n == 0 || a == b || (a && b && memcmp(a, b, n * size) == 0);
}

static bool texts_same(const char *const *a, const char *const *b, size_t n)
{
	bool same = true;
	for (size_t i = 0; same && i < n; i++)
		same = strcmp(a[i], b[i]) == 0;
	return same;
}

/* -- points ---------------------------------------------------------------------------------------
 */

static bool layout_same(const struct layout *a, const struct layout *b)
{
	return a == b || (a && b && a->n == b->n && a->bytes == b->bytes && a->utc == b->utc &&
	                  array_same(a->part, b->part, a->n, sizeof *a->part));
}

static bool codec_out(struct codec *a, struct codec *b)
{
	const bool same = a->nna == b->nna && array_same(a->na, b->na, a->nna, sizeof *a->na) &&
	                  layout_same(a->layout, b->layout);
	a->na = b->na = NULL;
	a->layout = b->layout = NULL;
	return same;
}

static bool labels_same(const struct point *a, const struct point *b)
{
	bool same = a->nlabel == b->nlabel;
	for (uint16_t i = 0; same && i < a->nlabel; i++)
		same = a->label[i].code == b->label[i].code &&
		       strcmp(a->label[i].text, b->label[i].text) == 0;
	return same;
}

static bool write_same(const struct write_rule *x, const struct write_rule *y)
{
	struct write_rule a, b;
	if (!x || !y)
		return x == y;
	memcpy(&a, x, sizeof a);
	memcpy(&b, y, sizeof b);
	bool same = text_out(&a.safe_value, &b.safe_value);
	same &= text_out(&a.confirm, &b.confirm);
	same &= text_out(&a.group, &b.group);
	same &= a.raw_len == b.raw_len && !a.raw == !b.raw &&
	        array_same(a.raw, b.raw, a.raw_len, 1);
	a.raw = b.raw = NULL;
	return same && array_same(&a, &b, 1, sizeof a);
}

static bool counter_same(const struct counter_rule *a, const struct counter_rule *b)
{
	return array_same(a, b, 1, sizeof *a);
}

static bool words_out(struct point *a, struct point *b)
{
	bool same = text_out(&a->name, &b->name);
	same &= text_out(&a->unit, &b->unit);
	same &= text_out(&a->description, &b->description);
	same &= text_out(&a->class_, &b->class_);
	same &= text_out(&a->state_class, &b->state_class);
	same &= text_out(&a->icon, &b->icon);
	same &= text_out(&a->title, &b->title);
	same &= text_out(&a->together, &b->together);
	return same & text_out(&a->alert_desc, &b->alert_desc);
}

static bool point_same(const struct point *x, const struct point *y)
{
	struct point a, b;
	memcpy(&a, x, sizeof a);
	memcpy(&b, y, sizeof b);
	if (!words_out(&a, &b) || !codec_out(&a.codec, &b.codec) || !labels_same(&a, &b) ||
	    !expr_same(a.expr, b.expr) || !counter_same(a.counter, b.counter) ||
	    !write_same(a.write, b.write))
		return false;
	a.expr = b.expr = NULL;
	a.label = b.label = NULL;
	a.counter = b.counter = NULL;
	a.write = b.write = NULL;
	a.where = b.where = (struct where){0};
	return array_same(&a, &b, 1, sizeof a);
}

/* -- point sets -----------------------------------------------------------------------------------
 */

static bool group_same(const struct group_rule *a, const struct group_rule *b)
{
	bool same = strcmp(a->name, b->name) == 0 && a->norder == b->norder &&
	            array_same(a->order, b->order, a->norder, sizeof *a->order) &&
	            a->nrule == b->nrule && texts_same(a->rule_text, b->rule_text, a->nrule);
	for (size_t i = 0; same && i < a->nrule; i++)
		same = expr_same(a->rule[i], b->rule[i]);
	return same;
}

static bool set_same(const struct pointset *a, const struct pointset *b)
{
	if (a->sunspec || b->sunspec)
		return false;
	bool same = a->n == b->n && a->ngroup == b->ngroup;
	for (uint32_t i = 0; same && i < a->n; i++)
		same = point_same(&a->point[i], &b->point[i]);
	for (size_t i = 0; same && i < a->ngroup; i++)
		same = group_same(&a->group[i], &b->group[i]);
	return same;
}

/* -- devices --------------------------------------------------------------------------------------
 */

static bool steps_same(const struct setup_step *a, const struct setup_step *b, size_t n)
{
	bool same = true;
	for (size_t i = 0; same && i < n; i++)
		same = a[i].point == b[i].point && strcmp(a[i].value, b[i].value) == 0;
	return same;
}

static bool ids_same(const struct device_id_rule *a, const struct device_id_rule *b, size_t n)
{
	bool same = true;
	for (size_t i = 0; same && i < n; i++)
		same = a[i].object == b[i].object && strcmp(a[i].pattern, b[i].pattern) == 0;
	return same;
}

static bool device_words_out(struct device *a, struct device *b)
{
	bool same = text_out(&a->name, &b->name);
	same &= text_out(&a->profile, &b->profile);
	same &= text_out(&a->title, &b->title);
	same &= text_out(&a->vendor, &b->vendor);
	same &= text_out(&a->model, &b->model);
	same &= text_out(&a->identify_text, &b->identify_text);
	same &= text_out(&a->unlock_value, &b->unlock_value);
	return same & text_out(&a->sources, &b->sources);
}

static bool lists_same(const struct device *a, const struct device *b)
{
	return a->nsetup == b->nsetup && steps_same(a->setup, b->setup, a->nsetup) &&
	       a->noffline == b->noffline && steps_same(a->offline, b->offline, a->noffline) &&
	       a->nidentify == b->nidentify &&
	       texts_same(a->identify_word, b->identify_word, a->nidentify) &&
	       a->ndevice_id == b->ndevice_id &&
	       ids_same(a->device_id, b->device_id, a->ndevice_id) &&
	       a->rule.nwindow == b->rule.nwindow &&
	       array_same(a->rule.window, b->rule.window, a->rule.nwindow, sizeof *a->rule.window);
}

/* All but its set, its bus and its places in the lists and files. */
static bool frame_same(const struct device *x, const struct device *y)
{
	struct device a, b;
	memcpy(&a, x, sizeof a);
	memcpy(&b, y, sizeof b);
	if (!device_words_out(&a, &b) || !lists_same(&a, &b))
		return false;
	a.setup = b.setup = a.offline = b.offline = NULL;
	a.identify_word = b.identify_word = NULL;
	a.device_id = b.device_id = NULL;
	a.rule.window = b.rule.window = NULL;
	a.set = b.set = NULL;
	a.bus = b.bus = a.point0 = b.point0 = 0;
	a.where = b.where = (struct where){0};
	return array_same(&a, &b, 1, sizeof a);
}

/* -- models ---------------------------------------------------------------------------------------
 */

static bool mqtt_same(const struct mqtt_conf *x, const struct mqtt_conf *y)
{
	struct mqtt_conf a, b;
	memcpy(&a, x, sizeof a);
	memcpy(&b, y, sizeof b);
	bool same = a.nbroker == b.nbroker;
	for (size_t i = 0; same && i < a.nbroker; i++) {
		struct mqtt_broker p, q;
		memcpy(&p, &a.broker[i], sizeof p);
		memcpy(&q, &b.broker[i], sizeof q);
		same &= text_out(&p.host, &q.host);
		same &= text_out(&p.path, &q.path);
		same &= array_same(&p, &q, 1, sizeof p);
	}
	a.broker = b.broker = NULL;
	same &= text_out(&a.host, &b.host);
	same &= text_out(&a.path, &b.path);
	same &= text_out(&a.client_id, &b.client_id);
	same &= text_out(&a.prefix, &b.prefix);
	same &= text_out(&a.username, &b.username);
	same &= text_out(&a.password, &b.password);
	same &= text_out(&a.ca, &b.ca);
	same &= text_out(&a.cert, &b.cert);
	same &= text_out(&a.key, &b.key);
	a.where = b.where = (struct where){0};
	return same && array_same(&a, &b, 1, sizeof a);
}

static bool homeassistant_same(const struct homeassistant_conf *x,
                               const struct homeassistant_conf *y)
{
	struct homeassistant_conf a, b;
	memcpy(&a, x, sizeof a);
	memcpy(&b, y, sizeof b);
	const bool same = text_out(&a.prefix, &b.prefix);
	a.where = b.where = (struct where){0};
	return same && array_same(&a, &b, 1, sizeof a);
}

static bool north_same(const struct model *a, const struct model *b)
{
	return strcmp(a->gateway, b->gateway) == 0 && a->commands_off == b->commands_off &&
	       mqtt_same(&a->mqtt, &b->mqtt) && mqtt_same(&a->thingsboard, &b->thingsboard) &&
	       homeassistant_same(&a->homeassistant, &b->homeassistant);
}

/* Devices that are configured alike share a set: what the last two came to is remembered. */
struct sets {
	const struct pointset *a, *b;
	bool same;
};

static bool sets_same(struct sets *last, const struct pointset *a, const struct pointset *b)
{
	if (last->a != a || last->b != b)
		*last = (struct sets){a, b, set_same(a, b)};
	return last->same;
}

struct same *same_find(const struct model *old, const struct model *now)
{
	struct same *s = mem_alloc(1, sizeof *s);
	struct sets last = {0};
	s->device = mem_alloc(now->ndevice, sizeof *s->device);
	s->north = north_same(old, now);
	for (size_t i = 0, next = 0; i < now->ndevice; i++) {
		const struct device *d = &now->device[i];
		const int was = model_find_device_from(old, d->name, next);
		s->device[i] = -1;
		if (was < 0)
			continue;
		const struct device *o = &old->device[was];
		next = (size_t)was + 1;
		if (strcmp(old->bus[o->bus].name, now->bus[d->bus].name) == 0 && frame_same(o, d) &&
		    sets_same(&last, o->set, d->set))
			s->device[i] = was;
	}
	return s;
}

void same_free(struct same *s)
{
	if (s)
		free(s->device);
	free(s);
}
