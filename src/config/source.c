// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/bundle.h"
#include "config/load.h"
#include "config/scalar.h"

#define SECRET_MAX 1024
#define FILES_MAX 1000
#define ENTRIES_MAX 4096 /* buses, devices */

const char *load_text(struct load *l, const char *text)
{
	const char *mark = l->n == NO_NUMBER ? NULL : strstr(text, "{n}");
	if (!mark)
		return arena_strdup(l->arena, text);
	char *whole = arena_printf(l->scratch, "%.*s%lld%s", (int)(mark - text), text,
	                           (long long)l->n, mark + 3);
	return load_text(l, whole);
}

const char *source_path(struct load *l, const char *from, const char *name)
{
	const char *slash = strrchr(from, '/');
	if (*name == '/' || !slash)
		return arena_strdup(l->scratch, name);
	return arena_printf(l->scratch, "%.*s/%s", (int)(slash - from), from, name);
}

static void source_error(struct load *l, const char *path, struct where from, const char *problem)
{
	if (from.file)
		diag_error(l->d, from, "%s: %s", path, problem);
	else
		diag_error(l->d, (struct where){arena_strdup(l->arena, path), 0, 0}, "%s", problem);
}

/* Opened without waiting: the name may be that of a pipe or a port. */
static FILE *file_open(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	if (f)
		setvbuf(f, NULL, _IONBF, 0); /* no copy of a secret stays in freed memory */
	return f;
}

/* The file's bytes in scratch memory. */
static char *file_read(struct load *l, const char *path, struct where from, size_t *len)
{
	struct stat st;
	FILE *f = file_open(path);
	if (!f) {
		source_error(l, path, from,
		             errno == EACCES ? "this user may not read it (use sudo?)"
		             : errno == ENOENT && !from.file
		                     ? "no such file; create it (see devices.yaml(5)), or name "
		                       "another with -c"
		                     : strerror(errno));
		return NULL;
	}
	char *text = NULL;
	if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode)) {
		source_error(l, path, from, "is not a regular file");
	} else if (st.st_size > YAML_FILE_MAX) {
		source_error(l, path, from, "is larger than 4 MiB");
	} else {
		text = arena_alloc(l->scratch, (size_t)st.st_size + 1);
		*len = fread(text, 1, (size_t)st.st_size, f);
		if (ferror(f)) {
			source_error(l, path, from, strerror(errno));
			text = NULL;
		}
	}
	fclose(f);
	return text;
}

/* Are the files not to be looked at, but what was stored of them? */
static bool stored(const struct load *l)
{
	return l->bundle && bundle_stored(l->bundle);
}

static const char *stored_read(struct load *l, const char *path, struct where from, size_t *len)
{
	const char *text = bundle_find(l->bundle, path, len);
	if (!text)
		source_error(l, path, from, "is not part of the stored configuration");
	return text;
}

bool source_exists(const struct load *l, const char *path)
{
	size_t len;
	return stored(l) ? bundle_find(l->bundle, path, &len) != NULL : access(path, F_OK) == 0;
}

/* What a full disk or an editor leaves behind is not to take devices or points away. */
static void source_empty(struct load *l, const char *path, struct where from)
{
	if (from.file)
		diag_warn(l->d, from, "include: %s is empty: nothing is read from it", path);
	else
		diag_error(l->d, (struct where){path, 0, 0},
		           "is empty; restore it from a copy, or begin anew (devices.yaml(5))");
}

const struct node *source_read(struct load *l, const char *path, struct where from)
{
	size_t len = 0;
	const char *text =
		stored(l) ? stored_read(l, path, from, &len) : file_read(l, path, from, &len);
	const struct node *root = NULL;
	if (!text)
		return NULL;
	if (l->bundle && !stored(l))
		bundle_add(l->bundle, path, text, len);
	for (size_t i = 0; i < len; i++)
		l->hash = (l->hash ^ (uint8_t)text[i]) * 1099511628211U;
	const char *name = arena_strdup(l->arena, path);
	if (yaml_parse(l->scratch, name, text, len, l->d, &root) && !root)
		source_empty(l, name, from);
	if (root && root->kind != NODE_MAP) {
		diag_error(l->d, root->where, "expects keys and values, like \"mqtt:\"");
		return NULL;
	}
	return root;
}

void source_refer(struct load *l, const char *path)
{
	if (l->bundle && !stored(l))
		bundle_refer(l->bundle, path);
}

const char *source_secret(struct load *l, const char *key, const char *path, struct where where,
                          diag_say *say)
{
	struct stat st = {0};
	char line[SECRET_MAX];
	source_refer(l, path);
	FILE *f = file_open(path);
	if (!f) {
		say(l->d, where, "%s: %s: %s", key, path, strerror(errno));
		return NULL;
	}
	if (fstat(fileno(f), &st) == 0 && !S_ISREG(st.st_mode)) {
		say(l->d, where, "%s: %s is not a regular file", key, path);
		fclose(f);
		return NULL;
	}
	if (st.st_mode & S_IROTH)
		diag_warn(l->d, where, "%s: %s is readable by everyone; restrict it (chmod o-r)",
		          key, path);
	const char *secret = NULL;
	if (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\r\n")] = '\0';
		secret = arena_strdup(l->arena, line);
	}
	if (!secret || !*secret)
		say(l->d, where, "%s: %s: the first line is empty", key, path);
	fclose(f);
	return secret;
}

/* -- devices.yaml and what it includes -- */

static void set_section(struct load *l, const struct hit *h, void *object)
{
	const struct node **section =
		(const struct node **)(void *)((char *)object + h->key->offset);
	if (*section)
		diag_error(l->d, h->name->where, "%s: is already given in %s:%u", h->key->name,
		           (*section)->where.file, (*section)->where.line);
	else if (!node_is_null(h->value))
		*section = h->value;
}

static void entries_add(struct load *l, struct entries *e, const char *what, const struct pair *p)
{
	const char *name = p->key->text;
	const int32_t at = name_table_find(&e->by_name, name, strlen(name));
	if (at >= 0) {
		diag_error(l->d, p->key->where, "%s \"%s\" is already given in %s:%u", what, name,
		           e->entry[at].key->where.file, e->entry[at].key->where.line);
		return;
	}
	if (e->n == ENTRIES_MAX) {
		diag_error(l->d, p->key->where, "%s: more than %d", what, ENTRIES_MAX);
		return;
	}
	if (e->n == e->room) {
		struct entry *more =
			arena_array(l->scratch, e->room ? 2 * e->room : 64, sizeof *more);
		if (e->n)
			memcpy(more, e->entry, e->n * sizeof *more);
		e->entry = more;
		e->room = e->room ? 2 * e->room : 64;
	}
	name_table_add(l->scratch, &e->by_name, name, (int32_t)e->n);
	e->entry[e->n++] = (struct entry){name, p->key, p->value};
}

static void set_entries(struct load *l, const struct hit *h, void *object)
{
	struct entries *e = (struct entries *)(void *)((char *)object + h->key->offset);
	if (node_is_null(h->value))
		return;
	if (h->value->kind != NODE_MAP) {
		diag_error(l->d, h->value->where, "%s: expects a map: a name, and what it is",
		           h->key->name);
		return;
	}
	for (uint32_t i = 0; i < h->value->n && i <= ENTRIES_MAX; i++)
		entries_add(l, e, h->key->name, &h->value->pair[i]);
}

static void source_one(struct load *l, const char *path, struct where from);

static void include_stored(struct load *l, const char *pattern, const struct node *n)
{
	const char *name;
	for (size_t i = 0; (name = bundle_name(l->bundle, i)); i++)
		if (fnmatch(pattern, name, FNM_PATHNAME | FNM_PERIOD) == 0)
			source_one(l, name, n->where);
}

static void include_glob(struct load *l, const struct node *n)
{
	const char *name = scalar_text(l->d, "include", n);
	if (!name)
		return;
	const char *path = source_path(l, n->where.file, name);
	if (!strpbrk(name, "*?[")) {
		source_one(l, path, n->where);
		return;
	}
	if (stored(l)) {
		include_stored(l, path, n);
		return;
	}
	glob_t found = {0};
	errno = 0;
	const int result = glob(path, GLOB_ERR, NULL, &found);
	if (result == GLOB_NOMATCH || (result != 0 && errno == ENOENT))
		diag_warn(l->d, n->where, "include: no file matches %s", path);
	else if (result != 0)
		diag_error(l->d, n->where, "include: %s cannot be read", path);
	for (size_t i = 0; result == 0 && i < found.gl_pathc; i++)
		source_one(l, found.gl_pathv[i], n->where);
	globfree(&found);
}

static void set_include(struct load *l, const struct hit *h, void *object)
{
	(void)object;
	const struct node *v = h->value;
	if (v->kind != NODE_LIST) {
		include_glob(l, v);
		return;
	}
	for (uint32_t i = 0; i < v->n; i++)
		include_glob(l, v->item[i]);
}

#define SECTION(field) .type = KEY_OTHER, .offset = offsetof(struct load, field)

static const struct key root_keys[] = {
	{"gateway", SECTION(gateway), .set = set_section, .form = "name",
         .preset = "host name up to the first dot", .doc = "Name of this gateway on MQTT."},
	{"commands", SECTION(commands), .set = set_section, .form = "on or off", .preset = "on",
         .doc = "Accept commands to the devices; off: they are refused, also those to devices "
                "with `commands: on`."},
	{"control", SECTION(control), .set = set_section, .form = "on, read or off", .preset = "on",
         .doc = "The control socket, by which xnetctl reaches the running daemon; read: through it "
                "nothing can be written; off: there is none."},
	{"mqtt", SECTION(mqtt), .set = set_section, .form = "map",
         .doc = "The broker and how to connect to it."},
	{"homeassistant", SECTION(homeassistant), .set = set_section,
         .form = "true, false, or {prefix, min_version, max_bytes, names}", .preset = "false",
         .doc = "Publish MQTT discovery for Home Assistant, which then shows all devices by "
                "itself."},
	{"thingsboard", SECTION(thingsboard), .set = set_section, .form = "map",
         .doc = "A ThingsBoard server that gets all values, too, on a connection of its own."},
	{"buses", SECTION(buses), .set = set_entries, .form = "map of buses",
         .doc = "The lines: serial ports and Modbus TCP endpoints, by name."},
	{"devices", SECTION(devices), .set = set_entries, .form = "map of devices",
         .doc = "The devices, by name; name(1..32) defines 32 of them."},
	{"defaults", SECTION(defaults), .set = set_section, .form = "map",
         .doc = "Settings of all points that do not set them themselves."},
	{"include", .type = KEY_OTHER, .set = set_include, .form = "file, or list of files",
         .doc = "More files to read, relative to this one; wildcards are allowed."},
};

const struct keyset keyset_root = {
	.name = "top level", .key = root_keys, .n = sizeof root_keys / sizeof *root_keys};

/* Each file once: a circle of includes ends here, too. */
static void source_one(struct load *l, const char *path, struct where from)
{
	char *real = stored(l) ? NULL : realpath(path, NULL);
	const char *name = arena_strdup(l->scratch, real ? real : path);
	free(real);
	for (size_t i = 0; i < l->nseen; i++) {
		if (strcmp(l->seen[i], name) == 0) {
			diag_error(l->d, from, "include: %s was already read", path);
			return;
		}
	}
	if (l->nseen == FILES_MAX) {
		diag_error(l->d, from, "include: more than %d files", FILES_MAX);
		return;
	}
	l->seen[l->nseen++] = name;
	const struct node *root = source_read(l, path, from);
	if (root)
		keys_read(l, &keyset_root, root, root->where, l);
}

void source_load(struct load *l, const char *path)
{
	l->seen = arena_array(l->scratch, FILES_MAX, sizeof *l->seen);
	source_one(l, path, (struct where){NULL, 0, 0});
}

const char **source_profiles(struct load *l, size_t *n)
{
	const char **names = NULL;
	*n = 0;
	for (size_t i = 0;
	     i < sizeof l->paths->profiles / sizeof *l->paths->profiles && l->paths->profiles[i];
	     i++) {
		glob_t found = {0};
		const char *pattern = arena_printf(l->scratch, "%s/*.yaml", l->paths->profiles[i]);
		if (glob(pattern, 0, NULL, &found) == 0) {
			const char **more =
				arena_array(l->scratch, *n + found.gl_pathc, sizeof *more);
			if (*n)
				memcpy(more, names, *n * sizeof *more);
			names = more;
			for (size_t k = 0; k < found.gl_pathc; k++) {
				const char *base = strrchr(found.gl_pathv[k], '/') + 1;
				names[(*n)++] = arena_strndup(l->scratch, base,
				                              strlen(base) - strlen(".yaml"));
			}
		}
		globfree(&found);
	}
	return names;
}
