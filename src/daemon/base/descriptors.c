// SPDX-License-Identifier: MIT
#include "daemon/base/descriptors.h"

#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>

#define OWN 64   /* the broker, signals, the control socket and its clients, names looked up */
#define SERIAL 3 /* the port, its lock, what wakes its thread */

void descriptors_raise(void)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur == l.rlim_max)
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

bool descriptors_beyond(const struct model *m, unsigned long limit, char *buf, size_t size)
{
	unsigned long n = OWN;
	for (size_t i = 0; i < m->nbus; i++)
		n += m->bus[i].kind == BUS_SERIAL ? SERIAL : 1;
	if (n <= limit)
		return false;
	snprintf(buf, size,
	         "%zu buses need %lu file descriptors and %lu are allowed: ports would stay closed "
	         "or the broker would not be reached. Allow more: LimitNOFILE=%lu by \"systemctl "
	         "edit xnet-gateway\", or \"ulimit -n %lu\"",
	         m->nbus, n, limit, n, n);
	return true;
}

bool descriptors_lack(const struct model *m, char *buf, size_t size)
{
	struct rlimit l;
	return getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_max < ULONG_MAX &&
	       descriptors_beyond(m, l.rlim_max, buf, size);
}
