// SPDX-License-Identifier: MIT
/* Any bytes as devices.yaml and as a profile: loads or says why, in bounded time and memory. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Refused means told why, and the other way round. */
static void loaded(struct model *m, struct diag *d)
{
	char line[2048];
	if (!m != !!d->errors)
		abort();
	for (size_t i = 0; i < d->n; i++)
		diag_print(&d->message[i], line, sizeof line);
	model_destroy(m);
	diag_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	const int fd = memfd_create("devices.yaml", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	const struct config_paths paths = {.file = path, .profiles = {"/nonexistent"}};
	struct profile_test *tests;
	struct diag d;
	size_t n;
	diag_init(&d);
	loaded(config_load(&paths, &d), &d);
	diag_init(&d);
	loaded(config_load_profile(path, &d, &tests, &n), &d);
	close(fd);
	return 0;
}
