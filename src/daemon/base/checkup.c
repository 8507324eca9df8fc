// SPDX-License-Identifier: MIT
#include "daemon/base/checkup.h"

#include "bus/serial.h"
#include "config/busload.h"
#include "daemon/base/descriptors.h"
#include "mqtt/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void checkup(const struct model *m, struct diag *d)
{
	char why[320];
	busload_warn(m, d);
	if (descriptors_lack(m, why, sizeof why))
		diag_error(d, m->bus[0].where, "%s", why);
	for (size_t i = 0; i < m->nbus; i++)
		if (m->bus[i].kind == BUS_SERIAL && !serial_fit(&m->bus[i], why, sizeof why))
			diag_warn(d, m->bus[i].where, "bus \"%s\": %s", m->bus[i].name, why);
	const struct mqtt_conf *unusable = tls_unusable(m, why, sizeof why);
	if (unusable)
		diag_error(d, unusable->where, "%s", why);
}

/* In a process of its own, which becomes that user: one errno a file. */
static _Noreturn void look(const struct passwd *user, const struct bundle *b, int answer)
{
	const char *name;
	if (initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
	    setuid(user->pw_uid) < 0)
		_exit(1);
	for (size_t i = 0; (name = bundle_any(b, i)); i++) {
		const int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		const int error = fd < 0 ? errno : 0;
		if (fd >= 0)
			close(fd);
		if (write(answer, &error, sizeof error) != sizeof error)
			_exit(1);
	}
	_exit(0);
}

void checkup_readable(const char *user, const struct bundle *b, struct diag *d)
{
	const struct passwd *who = getpwnam(user);
	int answer[2], error;
	const char *name;
	if (!who || pipe(answer) < 0)
		return;
	const pid_t child = fork();
	if (child == 0) {
		close(answer[0]);
		look(who, b, answer[1]);
	}
	close(answer[1]);
	for (size_t i = 0; child > 0 && (name = bundle_any(b, i)) &&
	                   read(answer[0], &error, sizeof error) == sizeof error;
	     i++)
		if (error)
			diag_error(d, (struct where){.file = name},
			           "the service, user %s, cannot read this file: %s%s", user,
			           strerror(error),
			           error == EACCES
			                   ? "; sudo chgrp xnetd FILE, sudo chmod 640 FILE, "
			                     "and its directories must be open to it"
			                   : "");
	close(answer[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
}
