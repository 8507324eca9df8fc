// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/holder.h"
#include "bus/serial.h"
#include "ctl/lasting.h"
#include "ctl/verb.h"

#define HOLDERS 8 /* named at most */

/* The kernel's placeholders for PC ports that are not there are of type 0 (unknown UART). */
static bool is_placeholder(const char *name)
{
	char path[PATH_MAX], type[8] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/tty/%s/type", name);
	f = fopen(path, "re");
	if (!f)
		return false;
	const bool unknown = fgets(type, sizeof(type), f) && strcmp(type, "0\n") == 0;
	fclose(f);
	return unknown;
}

/* Ports that exist as hardware have a device below their class entry; consoles of the kernel have
 * not. */
static bool is_serial(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/class/tty/%s/device/driver", name);
	return strncmp(name, "tty", 3) == 0 && access(path, F_OK) == 0 && !is_placeholder(name);
}

static void print_driver(const char *name)
{
	char path[PATH_MAX], driver[PATH_MAX];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/tty/%s/device/driver", name);
	n = readlink(path, driver, sizeof(driver) - 1);
	driver[n > 0 ? n : 0] = '\0';
	slash = strrchr(driver, '/');
	printf("  %s", slash ? slash + 1 : driver);
}

/* A USB adapter collects bytes for so long; the gateway requests 1 ms when it opens the port. */
static void print_latency(const char *name)
{
	char path[PATH_MAX], ms[16] = "";

	snprintf(path, sizeof(path), "/sys/class/tty/%s/device/latency_timer", name);
	FILE *f = fopen(path, "re");
	if (f && fgets(ms, sizeof(ms), f))
		printf("  latency %.*s ms", (int)strcspn(ms, "\n"), ms);
	if (f)
		fclose(f);
}

/* The programs that have it, as far as this user may see. */
static void print_holders(const char *port)
{
	struct holder h[HOLDERS];
	const size_t n = holder_list("", port, 0, h, HOLDERS);

	for (size_t i = 0; i < n && i < HOLDERS; i++)
		printf("%s%s %d", i ? ", " : "  in use by ", h[i].name[0] ? h[i].name : "process",
		       (int)h[i].pid);
}

/* A console, a login, a port that this user may not open. */
static void print_objection(const char *port)
{
	const struct bus_conf plain = {
		.kind = BUS_SERIAL, .port = port, .baud = 9600, .parity = 'N'};
	const size_t skip = strlen(port);
	char why[176];

	if (serial_usable(&plain, why, sizeof(why)))
		return;
	const char *said = strncmp(why, port, skip) == 0 ? why + skip : why;
	printf("  (%s)", said + strspn(said, ": "));
}

static void print_port(const char *name)
{
	char port[PATH_MAX], lasting[PATH_MAX];

	snprintf(port, sizeof(port), "/dev/%s", name);
	printf("%s", port);
	print_driver(name);
	if (port_lasting(port, lasting, sizeof(lasting)))
		printf("  %s", lasting);
	print_latency(name);
	print_holders(port);
	print_objection(port);
	putchar('\n');
}

static int each_port(void (*job)(const char *name))
{
	struct dirent **entry;
	int found = 0;

	const int n = scandir("/sys/class/tty", &entry, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (is_serial(entry[i]->d_name)) {
			job(entry[i]->d_name);
			found++;
		}
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	return found;
}

static void print_name(const char *name)
{
	printf("/dev/%s\n", name);
}

void ports_print_names(void)
{
	each_port(print_name);
}

int verb_ports(int argc, char **argv)
{
	if (argc > 1) {
		puts("Usage: xnetctl ports\nList serial ports: name, driver, the stable name to "
		     "use in devices.yaml, latency\ntimer, who has it (as root: everyone), and "
		     "why it cannot be used.");
		return strcmp(argv[1], "--help") == 0 ? EXIT_SUCCESS : EXIT_USAGE;
	}
	if (!each_port(print_port))
		puts("no serial port found");
	return EXIT_SUCCESS;
}
