/* SPDX-License-Identifier: MIT */
/*
 * exchange: one request and its answer on a serial line (RTU, RTU over TCP), as a pure machine.
 *
 * It decides when the line may be used, what bytes are the answer, and what every other byte means.
 * It does no I/O and reads no clock: the driver calls exchange_next(), does what it returns, and
 * reports back. So every fault at every moment runs in virtual time in the tests.
 *
 * The rule that makes wrong values impossible: to a unit with unanswered requests goes only a
 * request whose answer cannot be mistaken for any of theirs (struct peer holds the barred
 * signatures).
 */
#ifndef CORE_MODBUS_EXCHANGE_H
#define CORE_MODBUS_EXCHANGE_H

#include "core/modbus/instead.h"
#include "core/modbus/pdu.h"
#include "core/modbus/wiretime.h"

#define PEER_BARS 4
#define PEER_TURNS 8

struct bar {
	struct signature sig;
	us_t at;     /* when its request was sent; 0: not by us */
	us_t until;  /* US_NEVER: its request is unanswered; else barred until then */
	bool normal; /* its answer is known to be no exception */
};

/* What is known of one unit on a line. Plain data; starts zeroed, then peer_init(). */
struct peer {
	struct bar bar[PEER_BARS]; /* free: until 0 */
	us_t turn[PEER_TURNS]; /* recent turnarounds: end of request to first byte of the answer */
	uint8_t nturn, turn_at;
	uint8_t doublings; /* of the time-out, after time-outs in a row */
	bool full;         /* bars overflowed: not all is known that may come; until proven */
	bool unsure;       /* the port was opened: one answer to a request of before may be due */
	bool doubt;   /* an exception came that could be an older request's: prove the step first */
	uint8_t deaf; /* proofs by another function without an answer */
	bool miscounts; /* it gave a wrong byte count while nothing was due; until a right answer */
	struct signature last; /* of the request before */
	us_t asked_at;         /* when the last request was sent */
	us_t ready_at; /* no request to this unit before (the owner's to set; the exchange waits) */
	us_t mute_until; /* after an overflow everything is barred until then */
};

void peer_init(struct peer *p, us_t now);

/* Is a request with this signature barred now? Also true for a while after an overflow: leave the
 * unit alone then. To send a barred request all the same is safe: the exchange first proves the
 * unit in step by a request of its own, at the price of that request. Better vary (another block,
 * one value more or less). */
bool peer_barred(const struct peer *p, const struct signature *s, us_t now);

/* Any request unanswered (an exception to the same function then proves nothing)? */
bool peer_outstanding(const struct peer *p);

/* What an exchange notes. */
void peer_unanswered(struct peer *p, const struct signature *s, us_t now, us_t configured);
/* One normal answer of two may be left over. */
void peer_left_over(struct peer *p, const struct signature *s, us_t now, us_t configured);
/* Another client sent the unit a request: an answer is due. */
void peer_asked(struct peer *p, const struct signature *s, us_t now, us_t until);
/* An answer came that was not awaited: a like one may follow. */
void peer_stray(struct peer *p, const struct signature *s, us_t now, us_t until);
void peer_in_step(struct peer *p, us_t now, us_t configured); /* a right answer came */
void peer_turned(struct peer *p, us_t turnaround);            /* it took so long */
/* May an answer to a request with this signature be accepted? exception: an exception answer. */
bool peer_trusts(const struct peer *p, const struct signature *s, bool exception, us_t now);
/* So many refusals of this function may still come for older requests. */
unsigned peer_refusals_due(const struct peer *p, const struct signature *s, us_t now);

/* After (re)opening a port: nothing is known to be in step; a predecessor's answer may still come.
 */
void peer_unsure(struct peer *p, us_t now, us_t configured_timeout);

/* The time-out for a read: min(configured, max(50 ms, 4 × worst recent turnaround)), doubled after
 * each time-out. Writes always use the configured one. µs. */
us_t peer_timeout(const struct peer *p, us_t configured);
us_t peer_turnaround(const struct peer *p); /* median of the recent ones, for planning; 0 unknown */

struct line_counters {
	uint32_t requests, responses, timeouts, crc_errors, garbled, late, exceptions, foreign,
		echoes, collisions;
};

/* An answer, or another client's request, to a unit that was not being talked to. */
struct stray {
	uint8_t unit;
	bool asked; /* a request, not an answer */
	struct signature sig;
	us_t at, until;
};

/* The last right answer, whose second copy may follow. */
struct duplicate {
	bool open; /* nothing was sent since */
	uint8_t unit;
	uint8_t crc[2];
	uint16_t len, got; /* bytes of the frame; of the copy so many came right behind it */
	struct signature sig;
};

#define LINE_STRAYS 16

/* What is known of the line. One per open port. */
struct line {
	struct wire wire;
	us_t last_end;    /* when the last frame (any frame) ended on the line */
	us_t latency;     /* the adapter's: bytes of one frame may come apart by this much */
	bool echo;        /* the adapter repeats what we send; also found out from the first read */
	bool echo_found;  /* `echo` was found out: taken back when some reads come without */
	uint8_t unechoed; /* answers in a row that came without */
	uint16_t
		burst; /* most bytes with which an answer began: so many come at once; 0: unknown */
	uint16_t missing; /* bytes of the last answer: if they follow, `latency` was too short */
	bool timed; /* write() to wire timing can be trusted (a real UART): early bytes are foreign
	             */
	uint8_t tardy[256 / 8]; /* bits: units of which an answer came late */
	bool ids;      /* each answer names its request (Modbus TCP): none is an older request's */
	uint8_t early; /* early answers with unique signatures, clears `timed` after three */
	struct duplicate duplicate;
	uint8_t duplicate_once[256 / 8],
		duplicates[256 / 8]; /* bits: units that sent their last answer
	                              * twice, and those that always do */
	uint8_t stray_at;
	uint16_t nonce; /* of the last proof by diagnostics */
	struct stray stray[LINE_STRAYS];
	struct line_counters count;
};

void line_init(struct line *l, const struct wire *w, us_t now);
/* The port was opened anew: counters, wire, pauses within frames and an echo that was found out
 * stay. */
void line_reopened(struct line *l, us_t now);

enum exchange_act {
	EX_SLEEP, /* sleep until `until`, do not look at the port */
	EX_READ,  /* read what is there now, without waiting; exchange_input(), also with n = 0 */
	EX_SEND,  /* write the request, then exchange_sent() with the times before and after the
	             write */
	EX_POLL,  /* wait for bytes until `until`, then exchange_input() (n = 0 when none came) */
	EX_DONE,  /* see exchange.outcome */
	EX_PROVE, /* write x->proof, a request of the machine's own; then as for EX_SEND. A driver
	           * that has no need to distinguish them writes x->send for both */
};

struct exchange {
	struct line *line;
	struct peer *peer;
	const struct request *req;
	us_t timeout;
	us_t configured;
	const struct request *send; /* what is to be written: req, or &proof */
	struct request proof;
	uint8_t state;
	bool second;    /* a hint, not needed: the exchange finds out itself that it must prove */
	bool begun;     /* it is settled how to send */
	bool proven;    /* the unit was proven in step within this exchange */
	uint8_t repeat; /* right answers to be dropped, the same request sent again after each */
	uint8_t left;   /* as many of them may be left over */
	uint8_t proofs; /* right answers to the proof to be dropped, where it has a function in use
	                 */
	uint8_t proofs_over; /* as many of those may be left over */
	uint8_t answers; /* right ones, to proofs and repeated requests too, a gateway's as well */
	uint8_t disbelieved; /* refusals of the proof that may have been for older ones */
	bool briefly;        /* the proof is a shorter read of the function of the request itself */
	bool strict;  /* proven, or answers dropped: nothing stray may come before the last */
	bool strayed; /* something stray of this unit came */
	bool client;  /* another client's request was seen since */
	bool doubted; /* an exception came that may not be accepted */
	bool echoed;  /* our own request was seen */
	struct signature sig; /* of what is sent */
	uint64_t functions;   /* bit n: the unit supports function n; 0: not known. The same */
	uint16_t value_addr, value_count; /* a value within a read, to prove the unit by (0: its
	                                   * first cell). The same */
	us_t queued;    /* so much of `timeout` is for what is before it in a gateway's queue. The
	                   same */
	us_t pause;     /* the unit's rest after each of its answers. Set after exchange_begin() */
	us_t not_after; /* req is not sent later: OUT_EXPIRED; 0: any time. Set after
	                   exchange_begin() */
	us_t sent;      /* before the write of req; 0: it was never sent, whatever the outcome */
	us_t tx_start, tx_end; /* of what is sent: before the write, and its end on the wire */
	us_t tx_late;          /* the same end, if the write was held up: never too early */
	us_t end;              /* the answer is over by then, or does not come */
	us_t begin;            /* it has begun by then, or does not come */
	us_t first, last_rx;   /* bytes in buf: first and last arrival; first 0: none */
	us_t wake;             /* do not look before: the answer can not be complete */
	us_t noisy;            /* when the line first was not silent before sending */
	uint16_t first_n;      /* bytes that arrived at `first` */
	uint16_t stale;        /* bytes in buf that came before our request was out */
	uint16_t noise;        /* bytes of no frame since it was sent */
	uint16_t n;
	uint8_t buf[2 * ADU_RTU_MAX];
	/* result */
	struct instead instead; /* if it failed: what came instead of the answer */
	enum outcome outcome;
	uint8_t exception;
	us_t turnaround;     /* measured, when OUT_OK or OUT_REFUSED */
	uint16_t answer_len; /* PDU of the answer */
	const uint8_t *answer;
};

/* Begin an exchange; it goes until EX_DONE and then has its `outcome`. Line, peer and request
 * belong to the caller and must live as long. OUT_DROPPED with `sent` 0: the line never became
 * silent; any other failure with `sent` 0: the unit failed the proof. Then the request was never
 * sent. timeout: for the answer's first byte, counted from the end of the request on the wire;
 * configured: the configured upper bound (bars last this long). unit 0: broadcast, peer may be
 * NULL, ends OUT_OK after `timeout` as turnaround. */
void exchange_begin(struct exchange *x, struct line *l, struct peer *p, const struct request *r,
                    us_t timeout, us_t configured);

enum exchange_act exchange_next(struct exchange *x, us_t now, us_t *until);
void exchange_sent(struct exchange *x, us_t before, us_t now);
void exchange_input(struct exchange *x, const uint8_t *bytes, size_t n, us_t now);

/* Is something out that was not answered yet? Between two sends of one exchange, and before the
 * first, a connection may be made anew: nothing is lost with it. */
bool exchange_waits(const struct exchange *x);

/* The link ended while the exchange waited: nothing can follow what came. True: that was the
 * answer, go on; false: there is none. */
bool exchange_ended(struct exchange *x, us_t now);

#endif
