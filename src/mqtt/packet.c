// SPDX-License-Identifier: MIT
#include "mqtt/packet.h"

#include <string.h>

/* Bytes of a length that is written seven bits a byte. */
static size_t varint(size_t n)
{
	size_t bytes = 1;
	while (n >>= 7)
		bytes++;
	return bytes;
}

/* 5 bytes beside the texts of each pair: its id and two lengths. */
static size_t user_properties(const char *list)
{
	size_t n = 0;
	for (const char *s = list; s && *s;) {
		const size_t name = strlen(s), value = strlen(s + name + 1);
		n += 5 + name + value;
		s += name + value + 2;
	}
	return n;
}

size_t packet_size(const struct outgoing *m, uint8_t protocol, uint32_t expiry)
{
	size_t n = 2 + strlen(m->topic) + (m->qos ? 2 : 0) + m->len;
	if (protocol == 5) {
		const size_t properties = (expiry ? 5 : 0) +
		                          (m->correlation ? 3 + m->correlation_len : 0) +
		                          (m->response_topic ? 3 + strlen(m->response_topic) : 0) +
		                          user_properties(m->properties);
		n += varint(properties) + properties;
	}
	return 1 + varint(n) + n;
}
