// SPDX-License-Identifier: MIT
/* The map of devices: meter(1..32) stands for 32, a named entry overrides one of them. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"
#include "config/scalar.h"

#define DEVICES_MAX 4096
#define ID_MAX 255

struct member {
	const char *name;
	const struct entry *own;   /* the named entry, or NULL */
	const struct entry *range; /* the range it is a member of, or NULL */
	uint32_t index, of;        /* in the range */
	bool misnamed;             /* reported: what it lacks need not be, what it has is checked */
};

struct members {
	struct member *member;
	size_t n, room;
	struct name_table by_name;
};

/* -- names ------------------------------------------------------------------------------------- */

struct name_range {
	const char *open, *close; /* the brackets */
	int64_t first, last;
	int width; /* digits, when written with leading zeros */
};

/* "meter(1..32)"; false: not of that form. */
static bool name_range_parse(const char *s, struct name_range *r)
{
	r->open = strchr(s, '(');
	r->close = r->open ? strchr(r->open, ')') : NULL;
	if (!r->close)
		return false;
	char *end;
	r->first = strtol(r->open + 1, &end, 10);
	if (!isdigit((unsigned char)r->open[1]) || strncmp(end, "..", 2) != 0 ||
	    !isdigit((unsigned char)end[2]))
		return false;
	r->width = r->open[1] == '0' ? (int)(end - r->open - 1) : 0;
	r->last = strtol(end + 2, &end, 10);
	return end == r->close && r->first <= r->last && r->last - r->first < DEVICES_MAX;
}

static struct member *member_find(const struct members *m, const char *name)
{
	const int32_t i = name_table_find(&m->by_name, name, strlen(name));
	return i < 0 ? NULL : &m->member[i];
}

static struct member *member_add(struct load *l, struct members *m, const char *name)
{
	if (m->n == m->room) {
		m->room = m->room ? 2 * m->room : 64;
		struct member *more = arena_array(l->scratch, m->room, sizeof *more);
		if (m->n)
			memcpy(more, m->member, m->n * sizeof *more);
		m->member = more;
	}
	m->member[m->n] = (struct member){.name = name};
	name_table_add(l->scratch, &m->by_name, name, (int32_t)m->n);
	return &m->member[m->n++];
}

/* False: the name may not be, or is in another range; reported. */
static bool member_of_range(struct load *l, struct members *m, const struct entry *e,
                            const struct name_range *r, int64_t i)
{
	const char *name = arena_printf(l->scratch, "%.*s%0*" PRId64 "%s", (int)(r->open - e->name),
	                                e->name, r->width, i, r->close + 1);
	const struct node node = {.where = e->key->where, .text = name};
	struct member *x = member_find(m, name);
	const bool good = name_check(l, "a device's name", &node);
	if (x && x->range) {
		diag_error(l->d, e->key->where, "device \"%s\" is in \"%s\" already (line %u)",
		           name, x->range->name, x->range->key->where.line);
		return false;
	}
	x = x ? x : member_add(l, m, name);
	x->range = e;
	x->index = (uint32_t)(i - r->first);
	x->of = (uint32_t)(r->last - r->first + 1);
	x->misnamed = !good;
	return good;
}

static void members_range(struct load *l, struct members *m, const struct entry *e)
{
	struct name_range r;
	if (!name_range_parse(e->name, &r)) {
		char echo[TEXT_ECHO_SIZE];
		diag_error(l->d, e->key->where, "%s is not a range of names like meter(1..32)",
		           text_echo(e->name, echo));
		struct member *x = member_add(l, m, e->name);
		x->range = e;
		x->misnamed = true;
		return;
	}
	for (int64_t i = r.first; i <= r.last && m->n <= DEVICES_MAX; i++)
		if (!member_of_range(l, m, e, &r, i))
			return;
}

/* m5 beside m(1..3), with nothing of its own: the range is too short. */
static void member_check_outside(struct load *l, struct member *m)
{
	struct name_range r;
	if (m->range || m->misnamed || node_get(m->own->node, "id"))
		return;
	for (size_t i = 0; i < l->devices.n; i++) {
		const struct entry *e = &l->devices.entry[i];
		if (!name_range_parse(e->name, &r))
			continue;
		const size_t before = (size_t)(r.open - e->name), after = strlen(r.close + 1);
		const size_t len = strlen(m->name);
		if (len <= before + after || strncmp(m->name, e->name, before) != 0 ||
		    strcmp(m->name + len - after, r.close + 1) != 0 ||
		    strspn(m->name + before, "0123456789") < len - before - after)
			continue;
		diag_error(l->d, m->own->key->where, "device \"%s\" is outside \"%s\" (line %u)",
		           m->name, e->name, e->key->where.line);
		m->misnamed = true;
		return;
	}
}

/* Below "d:", not indented: its keys look like further devices. */
static void member_wrong(struct load *l, const struct entry *e)
{
	bool key = false;
	for (size_t i = 0; !key && i < keyset_device.n; i++)
		key = strcmp(keyset_device.key[i].name, e->name) == 0;
	if (key)
		diag_error(l->d, e->key->where,
		           "devices: %s is a key of a device: indent it below the device's name",
		           e->name);
	else
		diag_error(l->d, e->node->where, "device: expects keys and values%s",
		           e->node->kind == NODE_SCALAR && strchr(e->node->text, ':')
		                   ? "; a blank is missing behind the colon"
		                   : "");
}

/* In the order of the file; a named entry may be before or behind the range it overrides. */
static struct members members_collect(struct load *l)
{
	struct members m = {0};
	for (size_t i = 0; i < l->devices.n && m.n <= DEVICES_MAX; i++) {
		const struct entry *e = &l->devices.entry[i];
		if (e->node->kind != NODE_MAP) {
			member_wrong(l, e);
		} else if (strchr(e->name, '(')) {
			members_range(l, &m, e);
		} else {
			const bool good = name_check(l, "a device's name", e->key);
			struct member *x = member_find(&m, e->name);
			x = x ? x : member_add(l, &m, e->name);
			x->own = e;
			x->misnamed |= !good;
		}
	}
	for (size_t i = 0; i < m.n; i++)
		member_check_outside(l, &m.member[i]);
	return m;
}

/* -- bus, id, profile -- */

/* The named entry's key, else the range's. */
static const struct node *member_get(const struct member *m, const char *key)
{
	const struct node *v = m->own ? node_get(m->own->node, key) : NULL;
	return v || !m->range ? v : node_get(m->range->node, key);
}

/* Is it there under a wrong name? */
static bool member_meant(const struct member *m, const char *key)
{
	return (m->own && keys_meant(&keyset_device, m->own->node, key)) ||
	       (m->range && keys_meant(&keyset_device, m->range->node, key));
}

static struct where member_where(const struct member *m)
{
	return m->own ? m->own->key->where : m->range->key->where;
}

/* The name that was meant, or which there are. */
static const char *bus_hint(struct load *l, const char *name, char *buf, size_t size)
{
	const size_t n = l->d->n > HINTED_MAX ? 0 : l->buses.n;
	const char **names = arena_array(l->scratch, n, sizeof *names);
	for (size_t i = 0; i < n; i++)
		names[i] = l->buses.entry[i].name;
	const char *near = scalar_hint(name, names, n, buf, size);
	if (*near || l->d->n > HINTED_MAX)
		return near;
	if (n == 0)
		return "; there is none below buses:";
	snprintf(buf, size, "; %s \"%.64s\"%s", n == 1 ? "the only one is" : "the first one is",
	         names[0], n == 1 ? "" : ", see buses:");
	return buf;
}

static bool bus_read(struct load *l, const struct member *m, struct device *d)
{
	const struct node *v = member_get(m, "bus");
	char hint[128];
	if (!v && l->buses.n == 1)
		return true;
	if (!v) {
		if (!m->misnamed && !member_meant(m, "bus"))
			diag_error_once(l->d, d->where, "device \"%s\": key \"bus\" is missing",
			                m->name);
		return false;
	}
	const char *name = scalar_text(l->d, "bus", v);
	if (!name)
		return false;
	const int i = bus_find(l, name);
	if (i >= 0) {
		d->bus = (uint32_t)i;
		return true;
	}
	diag_error(l->d, v->where, "bus: there is no bus \"%s\"%s", name,
	           bus_hint(l, name, hint, sizeof hint));
	return false;
}

/* The id of a member of a range out of a range or list of as many. */
static void id_of_range(struct load *l, const struct member *m, const struct node *v, int64_t *id)
{
	int64_t first, last;
	if (v->kind == NODE_LIST) {
		if (v->n == m->of)
			scalar_int(l->d, "id", v->item[m->index], 0, ID_MAX, id);
		else
			diag_error(l->d, v->where, "id: %u ids for %u devices", v->n, m->of);
		return;
	}
	if (!scalar_range(l->d, "id", v, 0, ID_MAX, &first, &last))
		return;
	if (last - first + 1 == m->of)
		*id = first + m->index;
	else
		diag_error(l->d, v->where, "id: %" PRId64 " id%s for %u devices", last - first + 1,
		           last == first ? "" : "s", m->of);
}

/* False: that is reported, and which id is meant is not known. */
static bool id_read(struct load *l, const struct member *m, struct device *d)
{
	const struct node *own = m->own ? node_get(m->own->node, "id") : NULL;
	const struct node *v = member_get(m, "id");
	int64_t id = -1;
	if (!v && !m->misnamed && !member_meant(m, "id"))
		diag_error_once(l->d, d->where, "device \"%s\": key \"id\" is missing", m->name);
	if (!v || (m->misnamed && m->range))
		return false;
	const bool tcp = l->buses.n && l->bus[d->bus].conf.kind == BUS_TCP;
	const bool all = v->kind == NODE_SCALAR && strcmp(v->text, "broadcast") == 0;
	if (all)
		id = 0;
	else if (own || !m->range)
		scalar_int(l->d, "id", v, 0, ID_MAX, &id);
	else
		id_of_range(l, m, v, &id);
	d->broadcast = id == 0 && l->buses.n && !tcp;
	if (d->broadcast && m->range && !own)
		diag_error(l->d, v->where,
		           "id: 0 is the broadcast address; a device has 1 to %d, and all units "
		           "together are a device of its own with id: 0",
		           ID_MAX);
	else if (all && tcp)
		diag_error(l->d, v->where,
		           "id: broadcast: Modbus TCP has none; write to each device, or use a "
		           "serial or rtu_tcp bus");
	d->id = (uint8_t)(id < 0 ? 0 : id);
	return id >= 0;
}

static const struct profile *profile_of(struct load *l, const struct member *m)
{
	const struct node *v = member_get(m, "profile");
	const char *name = v ? scalar_text(l->d, "profile", v) : NULL;
	if (!v && !member_get(m, "points") && !m->misnamed && !member_meant(m, "profile") &&
	    !member_meant(m, "points"))
		diag_error_once(l->d, member_where(m), "device \"%s\" needs profile or points",
		                m->name);
	return name ? profile_find(l, name, v->where) : NULL;
}

/* -- layers -- */

bool has_addresses(const struct node *map)
{
	static const char *const keys[] = {"coil", "discrete", "input", "holding", "write", NULL};
	const struct node *points = node_get(map, "points");
	for (uint32_t i = 0; points && points->kind == NODE_MAP && i < points->n; i++) {
		const struct node *v = points->pair[i].value;
		for (size_t k = 0; keys[k]; k++)
			if (v->kind == NODE_LIST || node_get(v, keys[k]))
				return true;
	}
	return false;
}

static uint8_t base_of(struct load *l, const struct member *m)
{
	const struct node *v = member_get(m, "address_base");
	uint8_t base = 0;
	if (v && !member_get(m, "windows") && !(m->own && has_addresses(m->own->node)) &&
	    !(m->range && has_addresses(m->range->node)))
		diag_error(l->d, v->where,
		           "address_base: the device has no addresses of its own here");
	else if (v)
		scalar_base(l->d, v, &base);
	return base;
}

static void layer_device(struct layers *x, const struct node *keys, uint8_t base)
{
	x->device_base[x->ndevice] = base;
	x->device[x->ndevice++] = keys;
}

static void layer_points(struct layers *x, const struct node *points, uint8_t base,
                         const struct node *repeat)
{
	if (!points)
		return;
	x->address_base[x->npoints] = base;
	x->repeat[x->npoints] = repeat;
	x->points[x->npoints++] = points;
}

void layers_profile(struct layers *x, const struct profile *p)
{
	x->profile = p;
	for (; p; p = p->base) {
		if (p->device)
			layer_device(x, p->device, p->address_base);
		layer_device(x, p->root, p->address_base);
		layer_points(x, p->points, p->address_base, p->repeat);
	}
}

static void layers_make(struct load *l, const struct member *m, const struct profile *p,
                        struct layers *x)
{
	const struct entry *const own[] = {m->own, m->range};
	*x = (struct layers){.where = member_where(m), .broken = !p && member_get(m, "profile")};
	const uint8_t base = base_of(l, m);
	for (size_t i = 0; i < 2; i++) {
		if (!own[i])
			continue;
		layer_device(x, own[i]->node, base);
		layer_points(x, node_get(own[i]->node, "points"), base, NULL);
	}
	x->own = x->ndevice;
	x->own_points = x->npoints;
	layers_profile(x, p);
}

void devices_load(struct load *l)
{
	const struct members m = members_collect(l);
	struct device *device = arena_array(l->arena, m.n, sizeof *device);
	if (m.n > DEVICES_MAX) {
		diag_error(l->d,
		           m.member[DEVICES_MAX].range ? m.member[DEVICES_MAX].range->key->where
		                                       : m.member[DEVICES_MAX].own->key->where,
		           "more than %d devices", DEVICES_MAX);
		return;
	}
	l->stated = arena_array(l->scratch, m.n, sizeof *l->stated);
	l->no_id = arena_array(l->scratch, m.n, sizeof *l->no_id);
	for (size_t i = 0; i < m.n; i++) {
		struct device *d = &device[i];
		struct layers layers;
		d->name = arena_strdup(l->arena, m.member[i].name);
		d->where = member_where(&m.member[i]);
		const bool on_bus = bus_read(l, &m.member[i], d);
		l->no_id[i] = !id_read(l, &m.member[i], d);
		const struct profile *p = profile_of(l, &m.member[i]);
		layers_make(l, &m.member[i], p, &layers);
		device_make(l, &layers, d);
		if (d->broadcast)
			broadcast_make(l, &layers, d);
		l->stated[i] = layers.stated;
		if (on_bus && l->buses.n)
			bus_use(l, d->bus, p, d->name, d->where);
		d->point0 = (uint32_t)l->m->npoint;
		l->m->npoint += d->set->n;
	}
	l->m->device = device;
	l->m->ndevice = m.n;
}
