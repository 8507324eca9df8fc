/*
 * schedule_line: a line with devices in virtual time, for the tests of the scheduler. It plays the
 * bus's part: asks schedule_next(), lets the turn take its wire time, tells schedule_done(); and
 * keeps the figures of the yardsticks.
 */
#ifndef TESTS_UNIT_SCHEDULE_LINE_H
#define TESTS_UNIT_SCHEDULE_LINE_H

#include "core/plan.h"
#include "core/schedule.h"

#define DEVICES 248
#define WANTS 600
#define FORBIDDEN 8

struct device {
	us_t turnaround;
	us_t silent_from, silent_until; /* from == until: never */
	uint16_t longest;               /* registers; more is refused with 3; 0: no limit */
	uint16_t forbidden[FORBIDDEN];  /* addresses refused with 2 */
	uint8_t nforbidden;
	uint8_t exception;              /* instead of 2 */
	us_t busy_until;                /* exception 6 before */
	us_t requests, timeouts;
};

struct reading {
	us_t last, worst;      /* the longest between two reads */
	us_t reads, due_after_failure;
};

struct line_sim {
	struct wire wire;
	struct schedule *schedule;
	us_t now;
	struct device device[DEVICES];
	struct want want[WANTS];
	struct reading reading[WANTS];
	size_t n;
	struct unit_rule rule[DEVICES];
	size_t nrule;
	bool measure;          /* gaps and counts are kept */
	us_t requests, reads, jobs, probes;
	us_t busy, silent_busy; /* line time: all, of unanswered requests */
	us_t longest;          /* exchange */
	us_t online, offline;  /* effects seen */
	us_t online_at, offline_at;
	uint8_t came, went;    /* the units of those */
	us_t aside;
	struct span aside_span, last_span;
	struct turn turn;
	us_t job_start;        /* of the last job */
	uint64_t job_id;
	uint16_t job_value;
	bool barred;           /* a read was sent whose answer could be mistaken */
	void (*on_job)(struct line_sim *l, const struct job *j);
	bool (*lost)(struct line_sim *l); /* is this frame lost? */
};

void sim_begin(struct line_sim *l, uint32_t baud);
void sim_end(struct line_sim *l);
struct unit_rule *sim_unit(struct line_sim *l, uint8_t unit, us_t turnaround);
void sim_want(struct line_sim *l, uint8_t unit, uint16_t addr, uint16_t len, us_t period);
void sim_adopt(struct line_sim *l);
void sim_measure(struct line_sim *l); /* forget the figures, count from now */
bool sim_step(struct line_sim *l, us_t end); /* one turn, or sleep; false: `end` is reached */
void sim_run(struct line_sim *l, us_t time);

/* The worst (gap / period) of all wants, less `grace` of each gap. */
double sim_worst(const struct line_sim *l, us_t grace);

#endif
