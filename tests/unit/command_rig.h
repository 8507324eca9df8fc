/*
 * command_rig: a command table on a simulated line in virtual time. The device's registers, the faults
 * of the line, and a log of every write on the wire and every outcome told.
 */
#ifndef TESTS_COMMAND_RIG_H
#define TESTS_COMMAND_RIG_H

#include "core/command.h"

#define RIG_UNIT 7
#define RIG_REGISTERS 400
#define RIG_LOG 200000

enum rig_point {
	P_SETPOINT, P_MODE, P_PUMP, P_RELAY, P_DOOR, P_EEPROM, P_FLAG_A, P_FLAG_B, P_NAME, P_ONCE,
	P_G0, P_G1, P_G2, P_READONLY, P_SILENT, P_NOVERIFY, P_ONOFF, P_VALVE1, P_VALVE2, P_AFTER, P_WRITEONLY,
	P_CLOCK, P_ACTION, P_FAR0, P_FAR1, RIG_POINTS
};

/* How the line treats the next jobs. */
enum fault {
	GOOD, LOST_REQUEST, LOST_ANSWER, EXCEPTION, OTHER_VALUE, LINE_DOWN, STUCK /* never reported */
};

struct wire_write {
	us_t at;
	uint8_t fc, table;
	uint16_t addr, count, value;
};

struct rig {
	us_t now;
	struct command_table *t;
	uint16_t holding[RIG_REGISTERS], coil[RIG_REGISTERS];
	enum fault fault;
	uint8_t exception;
	unsigned faults;        /* how many jobs the fault hits; then the line is good again */
	bool reads_fail;
	bool offline;
	bool no_bus;            /* bus_submit says busy */
	us_t exchange;          /* time of one */
	struct job job[64];
	size_t njob;
	struct { struct span span; us_t due; } demand[256];
	size_t ndemand;
	struct wire_write *write;
	size_t nwrite;
	struct command_outcome *told;
	char (*reason)[COMMAND_REASON_MAX];
	char (*value)[VALUE_TEXT_MAX];
	size_t ntold;
	unsigned submits, cancels, pulses[3];
};

extern const struct model rig_model;
extern const struct device rig_device;

void rig_start(struct rig *g);
void rig_stop(struct rig *g);

void rig_command(struct rig *g, uint32_t point, const char *text);
void rig_submit(struct rig *g, struct command_request *q);
void rig_take(struct rig *g);       /* do what the table wants */
bool rig_step(struct rig *g);       /* one exchange on the line, or time goes on to the next event */
void rig_run(struct rig *g, us_t until);

/* The only outcome told since; fails if there is none or more. */
const struct command_outcome *rig_only(struct rig *g);
const struct command_outcome *rig_last(struct rig *g);

#endif
