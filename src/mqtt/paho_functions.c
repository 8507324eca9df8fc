// SPDX-License-Identifier: MIT
#include "mqtt/paho_functions.h"

bool paho_functions(bool tls, struct paho_functions *table, const char **why)
{
	static const char *const names[] = {PAHO_FUNCTIONS(LIBRARY_NAME)};
	return library_load(tls, names, sizeof names / sizeof *names, table, why);
}
