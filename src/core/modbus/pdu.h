/* SPDX-License-Identifier: MIT */
/*
 * pdu: requests and answers as bytes. Builds requests, computes the length of the right answer,
 * checks an answer against its request. The same code serves the gateway (client) and the simulated
 * devices. Specification: "MODBUS Application Protocol V1.1b3", section 6; CRC: "MODBUS over Serial
 * Line V1.02", 6.2.2.
 */
#ifndef CORE_MODBUS_PDU_H
#define CORE_MODBUS_PDU_H

#include "core/base/span.h"

#define PDU_MAX 253
#define ADU_RTU_MAX 256

enum fc {
	FC_READ_COILS = 1,
	FC_READ_DISCRETE = 2,
	FC_READ_HOLDING = 3,
	FC_READ_INPUT = 4,
	FC_WRITE_COIL = 5,
	FC_WRITE_REGISTER = 6,
	FC_READ_EXCEPTION_STATUS = 7,
	FC_DIAGNOSTICS = 8,
	FC_WRITE_COILS = 15,
	FC_WRITE_REGISTERS = 16,
	FC_REPORT_SERVER_ID = 17,
	FC_MASK_WRITE = 22,
	FC_READ_WRITE = 23,
	FC_DEVICE_ID = 43,
};

/* Exception codes: the same specification, section 7. */
enum exception {
	EXC_FUNCTION = 1,
	EXC_ADDRESS = 2,
	EXC_VALUE = 3,
	EXC_FAILURE = 4,
	EXC_ACKNOWLEDGE = 5, /* accepted, takes long */
	EXC_BUSY = 6,
	EXC_NEGATIVE_ACKNOWLEDGE = 7,
	EXC_PARITY = 8,
	EXC_GATEWAY_PATH = 0x0A, /* a gateway's: as good as no answer */
	EXC_GATEWAY_TARGET = 0x0B,
};

struct request {
	uint8_t unit;        /* 0: broadcast, no answer comes */
	uint8_t len;         /* of pdu */
	uint16_t answer_len; /* exact length of the right answer's PDU; 0: it ends by silence */
	uint8_t pdu[PDU_MAX];
	bool loose; /* of fc 6: the device answers with another address or value */
};

/* What an answer could be mistaken for: two requests with equal signatures to one unit can not be
 * distinguished by their answers. Reads: function and answer length. Writes: function, address,
 * value.
 */
struct signature {
	uint8_t fc;
	uint8_t answer_len;
	uint16_t addr;  /* 0 for reads */
	uint16_t value; /* value (5, 6), count (15, 16), and-mask ^ or-mask (22); 0 for reads */
};

/* Builders. They fill *r and return false when the specification's limits do not allow it. */
bool pdu_read(struct request *r, uint8_t unit, uint8_t table, uint16_t addr, uint16_t count);
bool pdu_write_coil(struct request *r, uint8_t unit, uint16_t addr,
                    uint16_t raw); /* raw: 0xFF00, 0, 0x5500 … */
bool pdu_write_register(struct request *r, uint8_t unit, uint16_t addr, uint16_t value);
bool pdu_write_coils(struct request *r, uint8_t unit, uint16_t addr, uint16_t count,
                     const uint16_t *packed);
bool pdu_write_registers(struct request *r, uint8_t unit, uint16_t addr, uint16_t count,
                         const uint16_t *words);
bool pdu_mask_write(struct request *r, uint8_t unit, uint16_t addr, uint16_t and_mask,
                    uint16_t or_mask);
bool pdu_read_write(struct request *r, uint8_t unit, uint16_t raddr, uint16_t rcount,
                    uint16_t waddr, uint16_t wcount, const uint16_t *words);
bool pdu_device_id(struct request *r, uint8_t unit, uint8_t code, uint8_t object); /* 43/14 */
bool pdu_raw(struct request *r, uint8_t unit, const uint8_t *pdu, size_t len, uint16_t answer_len);

struct signature pdu_signature(const struct request *r);
bool signature_same(const struct signature *a, const struct signature *b);

/* Does this PDU answer that request? *exception gets the code of an exception answer, else 0.
 * A normal answer must have the right length, byte count and, for writes, echo. */
bool pdu_answers(const struct request *r, const uint8_t *pdu, size_t len, uint8_t *exception);

/* The cells of a good read answer. Bits are packed 16 to a word. words has room for CELLS_MAX. */
void pdu_cells(const struct request *r, const uint8_t *pdu, size_t len, uint16_t *words);

/* Length of the PDU at `pdu` by its own contents (function, byte count), when it is a request
 * (or an answer) of a function of the specification and its head is within len bytes; else 0. For
 * cutting other parties' frames out of a stream; the CRC decides. */
size_t pdu_request_size(const uint8_t *pdu, size_t len);
size_t pdu_answer_size(const uint8_t *pdu, size_t len);

/* The right answer's exact length for this request PDU, 0 when only silence shows it. */
uint16_t pdu_answer_len(const uint8_t *pdu, size_t len);

bool pdu_is_write(uint8_t fc); /* changes the device: never tried twice on its own */

uint16_t crc16(const uint8_t *bytes, size_t n); /* as sent: low byte first */

/* Unit, PDU and CRC into frame (ADU_RTU_MAX bytes); returns its length. */
size_t pdu_frame(uint8_t unit, const uint8_t *pdu, size_t len, uint8_t *frame);

#endif
