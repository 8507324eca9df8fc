// SPDX-License-Identifier: MIT
#include "bus/rtu.h"

#include <errno.h>
#include <modbus.h>
#include <string.h>

#include "core/modbus/pdu.h"

/* struct rtu is libmodbus' context by another name. */
static modbus_t *context(struct rtu *r)
{
	return (modbus_t *)r;
}

struct rtu *rtu_open(const struct bus_conf *conf)
{
	modbus_t *m =
		modbus_new_rtu(conf->port, (int)conf->baud, conf->parity, conf->data, conf->stop);
	if (!m)
		return NULL;
	/* Its recovery loops inside the call for as long as the port is away. */
	modbus_set_error_recovery(m, MODBUS_ERROR_RECOVERY_NONE);
	modbus_set_slave(m, 1); /* else it asserts; the unit is in each raw request */
	if (modbus_connect(m) < 0) {
		const int why = errno;
		modbus_free(m);
		errno = why;
		return NULL;
	}
	return (struct rtu *)m;
}

void rtu_close(struct rtu *r)
{
	if (!r)
		return;
	modbus_close(context(r));
	modbus_free(context(r));
}

int rtu_fd(struct rtu *r)
{
	return modbus_get_socket(context(r));
}

bool rtu_drive_rts(struct rtu *r, bool high, us_t pause)
{
	return modbus_rtu_set_rts_delay(context(r), (int)pause) == 0 &&
	       modbus_rtu_set_rts(context(r), high ? MODBUS_RTU_RTS_UP : MODBUS_RTU_RTS_DOWN) == 0;
}

int rtu_send(struct rtu *r, const struct request *request)
{
	uint8_t raw[1 + PDU_MAX];
	raw[0] = request->unit;
	memcpy(raw + 1, request->pdu, request->len);
	errno = 0;
	const int sent = modbus_send_raw_request(context(r), raw, request->len + 1);
	/* A frame sent in part is an error of its own there. */
	return sent < 0 && errno == EMBBADDATA ? 1 : sent;
}
