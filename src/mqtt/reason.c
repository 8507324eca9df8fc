// SPDX-License-Identifier: MIT
#include "mqtt/reason.h"

#include <stdio.h>
#include <string.h>

struct row {
	int code;
	const char *text;
};

static const struct row v5_row[] = {
	{0x80, "no reason given (its access rules?)"},
	{0x81, "malformed packet"},
	{0x82, "protocol error"},
	{0x83, "the broker does not accept it"},
	{0x84, "the broker does not support this MQTT version"},
	{0x85, "the client id is not accepted"},
	{0x86, "user name or password is wrong"},
	{0x87, "not authorised"},
	{0x88, "the broker is not available"},
	{0x89, "the broker is busy"},
	{0x8A, "banned"},
	{0x8B, "the broker shuts down"},
	{0x8C, "bad authentication method"},
	{0x8D, "keep-alive timeout"},
	{0x8E, "another client connected with the same client id"},
	{0x8F, "topic filter not valid"},
	{0x90, "topic name not valid"},
	{0x93, "more messages in flight than the broker allows"},
	{0x95, "packet too large for the broker"},
	{0x96, "message rate too high for the broker"},
	{0x97, "quota exceeded"},
	{0x98, "administrative action"},
	{0x99, "payload format not valid"},
	{0x9A, "the broker does not keep retained messages"},
	{0x9B, "the broker does not offer this QoS"},
	{0x9C, "use another server"},
	{0x9D, "the server moved"},
	{0x9F, "connection rate exceeded"},
	{0xA1, "subscription identifiers not supported"},
	{0xA2, "wildcard subscriptions not supported"},
};

static const struct row v4_row[] = {
	{1, "the broker does not support this MQTT version"},
	{2, "the client id is not accepted"},
	{3, "the broker is not available"},
	{4, "user name or password is wrong"},
	{5, "not authorised: check user name, password and client id"},
};

static const char *find(const struct row *row, size_t n, int code)
{
	for (size_t i = 0; i < n; i++) {
		if (row[i].code == code)
			return row[i].text;
	}
	return NULL;
}

const char *reason_text(int code)
{
	const char *text = find(v5_row, sizeof v5_row / sizeof *v5_row, code);
	return text ? text : "refused";
}

static const char *connect_text(uint8_t protocol, int code)
{
	if (protocol == 5 && code == 0x87) /* mosquitto's for a wrong password, too */
		return find(v4_row, sizeof v4_row / sizeof *v4_row, 5);
	/* a broker that knows only 3.1.1 answers a version 5 CONNECT with the old numbers */
	const char *text =
		protocol == 5 ? find(v5_row, sizeof v5_row / sizeof *v5_row, code) : NULL;
	return text ? text : find(v4_row, sizeof v4_row / sizeof *v4_row, code);
}

void reason_connect(uint8_t protocol, int code, char *buf, size_t size)
{
	const char *text = connect_text(protocol, code);
	if (text)
		snprintf(buf, size, "refused: %s", text);
	else
		snprintf(buf, size, "refused: code %d", code);
}

bool reason_is_version(uint8_t protocol, int code)
{
	return code == 1 || (protocol == 5 && code == 0x84);
}

void reason_disconnect(int code, char *buf, size_t size)
{
	snprintf(buf, size, "the broker ended the connection: %s",
	         code ? reason_text(code) : "no reason given");
}

bool reason_blames(int code)
{
	static const unsigned char row[] = {0x80, 0x81, 0x82, 0x83, 0x87, 0x90, 0x93,
	                                    0x94, 0x95, 0x97, 0x99, 0x9A, 0x9B};
	for (size_t i = 0; i < sizeof row; i++) {
		if (row[i] == code)
			return true;
	}
	return code == 0;
}

/* "[thread:]error:0A000086:SSL routines:[function]:certificate verify failed[:file:line:]": the
 * words behind the fourth colon. The thread differs from try to try. */
void reason_tls(const char *text, size_t len, char *buf, size_t size)
{
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == '\0'))
		len--;
	const char *at = memmem(text, len, "error:", 6);
	const char *end = text + len;
	for (unsigned colon = 0; at && colon < 4; colon++) {
		at = memchr(at, ':', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	const char *words = at && at < end && *at != ':' ? at : text;
	const char *over = words == text ? NULL : memchr(words, ':', (size_t)(end - words));
	snprintf(buf, size, "%.*s", (int)((over ? over : end) - words), words);
}
