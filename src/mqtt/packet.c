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

size_t packet_size(const struct outgoing *m, uint8_t protocol, uint32_t expiry)
{
	size_t n = 2 + strlen(m->topic) + (m->qos ? 2 : 0) + m->len;
	if (protocol == 5) {
		const size_t properties = (expiry ? 5 : 0) +
		                          (m->correlation ? 3 + m->correlation_len : 0) +
		                          (m->response_topic ? 3 + strlen(m->response_topic) : 0);
		n += varint(properties) + properties;
	}
	return 1 + varint(n) + n;
}
