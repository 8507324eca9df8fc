// SPDX-License-Identifier: MIT
#include "core/value/expr.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64 /* nesting of the text */
#define STACK_MAX                                                                                  \
	128 /* values at once; DEPTH_MAX levels need less, arguments of min and max may not */
#define CODE_MAX 1024
#define NAME_SHOWN 40

enum op {
	OP_NUMBER,
	OP_INPUT,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_MOD,
	OP_NEG,
	OP_NOT,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_EQ,
	OP_NE,
	OP_BOOL,
	OP_MIN,
	OP_MAX,
	OP_ABS,
	OP_ROUND,
	OP_FLOOR,
	OP_JUMP,
	OP_JUMP_FALSE, /* takes what it looks at */
	OP_FALSE_STAYS,
	OP_TRUE_STAYS, /* && and ||: jump and leave it, else take it */
};

struct code {
	uint8_t op;
	int32_t arg; /* input, or where to jump */
	double number;
};

struct expr {
	size_t n, ninput;
	int32_t *input; /* each index once, ascending */
	struct code code[];
};

struct parser {
	const char *at;
	expr_lookup lookup;
	void *ctx;
	unsigned depth;
	int stack;
	size_t n;
	struct code code[CODE_MAX];
	const char *wrong; /* where; NULL: good so far */
	char *message;
	size_t size;
};

/* -- compiling ------------------------------------------------------------------------ */

/* The first error counts: "before 'name' after". */
static bool fail(struct parser *p, const char *at, const char *before, size_t len,
                 const char *after)
{
	if (p->wrong)
		return false;
	p->wrong = at;
	snprintf(p->message, p->size, "%s'%.*s'%s", before,
	         (int)(len < NAME_SHOWN ? len : NAME_SHOWN), at, after);
	return false;
}

static bool complain(struct parser *p, const char *message)
{
	if (p->wrong)
		return false;
	p->wrong = p->at;
	snprintf(p->message, p->size, "%s", message);
	return false;
}

/* What an operation does to the number of values on the stack. */
static int op_effect(uint8_t op)
{
	switch (op) {
	case OP_NUMBER:
	case OP_INPUT:
		return 1;
	case OP_NEG:
	case OP_NOT:
	case OP_BOOL:
	case OP_ABS:
	case OP_ROUND:
	case OP_FLOOR:
	case OP_JUMP:
		return 0;
	default:
		return -1;
	}
}

static bool emit(struct parser *p, uint8_t op, int32_t arg, double number)
{
	if (p->n == CODE_MAX)
		return complain(p, "too long an expression");
	p->code[p->n++] = (struct code){.op = op, .arg = arg, .number = number};
	p->stack += op_effect(op);
	if (p->stack > STACK_MAX)
		return complain(p, "too many arguments");
	return true;
}

static void skip_blanks(struct parser *p)
{
	while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')
		p->at++;
}

static bool take(struct parser *p, const char *word)
{
	skip_blanks(p);
	const size_t len = strlen(word);
	if (strncmp(p->at, word, len) != 0)
		return false;
	p->at += len;
	return true;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t name_length(const char *s)
{
	size_t n = 0;
	while (is_letter(s[n]) || (n && s[n] >= '0' && s[n] <= '9'))
		n++;
	return n;
}

static bool parse_choice(struct parser *p);

static const struct {
	const char *name;
	uint8_t op;
	bool many;
} function[] = {
	{"min", OP_MIN, true},      {"max", OP_MAX, true},      {"abs", OP_ABS, false},
	{"round", OP_ROUND, false}, {"floor", OP_FLOOR, false},
};

#define FUNCTIONS (sizeof function / sizeof *function)

static bool parse_arguments(struct parser *p, size_t f)
{
	if (!parse_choice(p))
		return false;
	while (function[f].many && take(p, ","))
		if (!parse_choice(p) || !emit(p, function[f].op, 0, 0))
			return false;
	if (!take(p, ")"))
		return complain(p, "')' expected");
	return function[f].many || emit(p, function[f].op, 0, 0);
}

static bool parse_name(struct parser *p)
{
	const char *name = p->at;
	const size_t len = name_length(name);
	p->at += len;
	if (take(p, "(")) {
		for (size_t i = 0; i < FUNCTIONS; i++)
			if (strlen(function[i].name) == len &&
			    memcmp(function[i].name, name, len) == 0)
				return parse_arguments(p, i);
		return fail(p, name, "no function ", len,
		            "; there are min, max, abs, round, floor");
	}
	const int input = p->lookup(p->ctx, name, len);
	if (input < 0)
		return fail(p, name, "no point ", len, " in this device");
	return emit(p, OP_INPUT, input, 0);
}

static bool parse_number(struct parser *p)
{
	struct value v;
	const char *end;
	if (!value_parse_number(p->at, &end, &v))
		return complain(p, "a number is too large");
	if (is_letter(*end) && end[-1] != ' ' && end[-1] != '\t')
		return fail(p, end, "", name_length(end),
		            " behind a number; write decimal numbers");
	p->at = end;
	return emit(p, OP_NUMBER, 0, value_number(&v));
}

static bool parse_primary(struct parser *p)
{
	skip_blanks(p);
	if (take(p, "(")) {
		if (!parse_choice(p))
			return false;
		return take(p, ")") || complain(p, "')' expected");
	}
	if (is_letter(*p->at))
		return parse_name(p);
	if ((*p->at >= '0' && *p->at <= '9') || *p->at == '.')
		return parse_number(p);
	return complain(p, *p->at ? "a number, a point or '(' expected"
	                          : "the expression ends too early");
}

static bool parse_unary(struct parser *p)
{
	skip_blanks(p);
	const char sign = *p->at;
	if (sign != '-' && sign != '+' && (sign != '!' || p->at[1] == '='))
		return parse_primary(p);
	if (++p->depth > DEPTH_MAX)
		return complain(p, "nested too deep");
	p->at++;
	if (!parse_unary(p))
		return false;
	p->depth--;
	return sign == '+' || emit(p, sign == '-' ? OP_NEG : OP_NOT, 0, 0);
}

/* Binary operators, loosest first; longer words before their beginnings. */
static const struct {
	const char *word;
	uint8_t level, op;
} binary[] = {
	{"||", 0, OP_TRUE_STAYS}, {"&&", 1, OP_FALSE_STAYS}, {"==", 2, OP_EQ}, {"!=", 2, OP_NE},
	{"<=", 3, OP_LE},         {">=", 3, OP_GE},          {"<", 3, OP_LT},  {">", 3, OP_GT},
	{"+", 4, OP_ADD},         {"-", 4, OP_SUB},          {"*", 5, OP_MUL}, {"/", 5, OP_DIV},
	{"%", 5, OP_MOD},
};

#define LEVELS 6

static int take_binary(struct parser *p, unsigned level)
{
	for (size_t i = 0; i < sizeof binary / sizeof *binary; i++)
		if (binary[i].level == level && take(p, binary[i].word))
			return binary[i].op;
	return -1;
}

static bool parse_level(struct parser *p, unsigned level)
{
	if (level == LEVELS)
		return parse_unary(p);
	if (!parse_level(p, level + 1))
		return false;
	for (int op; (op = take_binary(p, level)) >= 0;) {
		const size_t jump = p->n;
		const bool early = op == OP_TRUE_STAYS || op == OP_FALSE_STAYS;
		if (early && (!emit(p, OP_BOOL, 0, 0) || !emit(p, (uint8_t)op, 0, 0)))
			return false;
		if (!parse_level(p, level + 1) || !emit(p, early ? OP_BOOL : (uint8_t)op, 0, 0))
			return false;
		if (early)
			p->code[jump + 1].arg = (int32_t)p->n;
	}
	return true;
}

/* condition ? one : other */
static bool parse_choice(struct parser *p)
{
	if (++p->depth > DEPTH_MAX)
		return complain(p, "nested too deep");
	if (!parse_level(p, 0))
		return false;
	if (take(p, "?")) {
		const size_t branch = p->n;
		if (!emit(p, OP_JUMP_FALSE, 0, 0) || !parse_choice(p))
			return false;
		const size_t over = p->n;
		if (!take(p, ":"))
			return complain(p, "':' expected");
		if (!emit(p, OP_JUMP, 0, 0))
			return false;
		p->code[branch].arg = (int32_t)p->n;
		p->stack--; /* only one of the two is ever there */
		if (!parse_choice(p))
			return false;
		p->code[over].arg = (int32_t)p->n;
	}
	p->depth--;
	return true;
}

static int index_order(const void *a, const void *b)
{
	const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return (x > y) - (x < y);
}

static struct expr *expr_make(struct arena *a, const struct parser *p)
{
	struct expr *e = arena_alloc(a, sizeof *e + p->n * sizeof *p->code);
	int32_t index[CODE_MAX];
	size_t n = 0;
	e->n = p->n;
	memcpy(e->code, p->code, p->n * sizeof *p->code);
	for (size_t i = 0; i < p->n; i++)
		if (p->code[i].op == OP_INPUT)
			index[n++] = p->code[i].arg;
	if (n > 0)
		qsort(index, n, sizeof *index, index_order);
	e->input = arena_array(a, n, sizeof *e->input);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || index[i] != index[i - 1])
			e->input[e->ninput++] = index[i];
	return e;
}

struct expr *expr_compile(struct arena *a, const char *text, expr_lookup lookup, void *ctx,
                          unsigned *column, char *message, size_t size)
{
	struct parser *p = mem_alloc(1, sizeof *p);
	*p = (struct parser){
		.at = text, .lookup = lookup, .ctx = ctx, .message = message, .size = size};
	struct expr *e = NULL;
	if (parse_choice(p)) {
		skip_blanks(p);
		if (*p->at)
			complain(p, *p->at == '=' ? "'=' does not compare; write '=='"
			                          : "an operator expected");
	}
	if (p->wrong)
		*column = (unsigned)(p->wrong - text) + 1;
	else
		e = expr_make(a, p);
	free(p);
	return e;
}

/* -- running -------------------------------------------------------------------------- */

struct cell {
	double number;
	bool truth; /* it came from a comparison: published as a bit */
};

static struct cell operate(uint8_t op, struct cell a, struct cell b)
{
	const double x = a.number, y = b.number;
	switch (op) {
	case OP_ADD:
		return (struct cell){x + y, false};
	case OP_SUB:
		return (struct cell){x - y, false};
	case OP_MUL:
		return (struct cell){x * y, false};
	case OP_DIV:
		return (struct cell){y == 0 ? NAN : x / y, false};
	case OP_MOD:
		return (struct cell){y == 0 ? NAN : fmod(x, y), false};
	case OP_LT:
		return (struct cell){x < y, true};
	case OP_LE:
		return (struct cell){x <= y, true};
	case OP_GT:
		return (struct cell){x > y, true};
	case OP_GE:
		return (struct cell){x >= y, true};
	case OP_EQ:
		return (struct cell){x == y, true};
	case OP_NE:
		return (struct cell){x != y, true};
	case OP_MIN:
		return y < x ? b : a;
	default: /* OP_MAX */
		return y > x ? b : a;
	}
}

static struct cell operate_one(uint8_t op, struct cell a)
{
	switch (op) {
	case OP_NEG:
		return (struct cell){-a.number, false};
	case OP_ABS:
		return (struct cell){fabs(a.number), false};
	case OP_ROUND:
		return (struct cell){round(a.number), false};
	case OP_FLOOR:
		return (struct cell){floor(a.number), false};
	case OP_NOT:
		return (struct cell){a.number == 0, true};
	default: /* OP_BOOL */
		return (struct cell){a.number != 0, true};
	}
}

static struct cell input_cell(struct value (*input)(void *ctx, int index), void *ctx, int index)
{
	const struct value v = input(ctx, index);
	return (struct cell){value_number(&v), v.kind == VALUE_BOOL};
}

static struct value cell_value(struct cell c)
{
	if (!isfinite(c.number))
		return value_none();
	return c.truth ? value_bool(c.number != 0) : value_real(c.number);
}

struct value expr_eval(const struct expr *e, struct value (*input)(void *ctx, int index), void *ctx)
{
	struct cell stack[STACK_MAX + 1] = {{0}};
	struct cell *top = stack; /* the last one; stack[0] is below the first */
	for (size_t i = 0; i < e->n;) {
		const struct code *c = &e->code[i++];
		const bool truth = top->number != 0;
		switch (c->op) {
		case OP_NUMBER:
			*++top = (struct cell){c->number, false};
			break;
		case OP_INPUT:
			*++top = input_cell(input, ctx, c->arg);
			break;
		case OP_JUMP:
			i = (size_t)c->arg;
			break;
		case OP_JUMP_FALSE:
			top--;
			i = truth ? i : (size_t)c->arg;
			break;
		case OP_TRUE_STAYS:
		case OP_FALSE_STAYS:
			if (truth == (c->op == OP_TRUE_STAYS))
				i = (size_t)c->arg;
			else
				top--;
			break;
		default:
			if (op_effect(c->op) == 0) {
				*top = operate_one(c->op, *top);
			} else {
				top--;
				top[0] = operate(c->op, top[0], top[1]);
			}
		}
		if (isnan(top->number) && top > stack)
			return value_none();
	}
	return cell_value(*top);
}

int expr_next(const struct expr *e, size_t *at)
{
	return *at < e->ninput ? e->input[(*at)++] : -1;
}

static bool code_same(const struct code *a, const struct code *b)
{
	const bool number = a->number == b->number || (isnan(a->number) && isnan(b->number));
	return a->op == b->op && a->arg == b->arg && number;
}

bool expr_same(const struct expr *a, const struct expr *b)
{
	if (a == b || !a || !b)
		return a == b;
	bool same = a->n == b->n && a->ninput == b->ninput &&
	            memcmp(a->input, b->input, a->ninput * sizeof *a->input) == 0;
	for (size_t i = 0; same && i < a->n; i++)
		same = code_same(&a->code[i], &b->code[i]);
	return same;
}
