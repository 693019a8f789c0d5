/* SPDX-License-Identifier: MIT */
/*
 * steps_count.h - what one call costs: its instructions, its atomic read-modify-writes, the cache lines it
 * touches.  Single-stepped (stepper.h), each instruction decoded once (capstone).
 *
 * Not counted: the home's lab_port_*() and the test's own functions (UNCOUNTED), and memory on the stack, which
 * is told apart.  A repeated string instruction is one instruction, and touches all the lines of its range.
 */
#ifndef STEPS_COUNT_H
#define STEPS_COUNT_H

#include "stepper.h"

#ifdef STEPPER_WORKS
#include <capstone/capstone.h>

#include "machine.h"

#define UNCOUNTED __attribute__((section("uncounted"), noinline))
extern const char __start_uncounted[], __stop_uncounted[];

struct cost {
	uint64_t rmw; /* lock prefix, or xchg with memory */
	uint64_t lines; /* distinct lines of the metadata */
	uint64_t others; /* of the program: its constants, its caller's arrays */
	uint64_t instructions;
	uint64_t stack; /* bytes below the caller */
};

struct operand {
	int base, index; /* number of the register in gregs, -1: none */
	int scale;
	unsigned int size;
	int64_t displacement; /* with the next instruction's address in it where it is relative to that */
};

struct decoded {
	uintptr_t at; /* 0: none */
	bool rmw, repeated;
	unsigned int operands;
	struct operand operand[2];
};

#define DECODED_SLOTS (1u << 15)
#define LINE_SLOTS (1u << 18)

static struct {
	csh capstone;
	cs_insn *insn;
	struct decoded decoded[DECODED_SLOTS];
	struct {
		uintptr_t line;
		uint32_t stamp;
	} seen[LINE_SLOTS];
	uint32_t stamp;
	uintptr_t metadata, metadata_end;
	uintptr_t page, page_end; /* a vault's pages: not counted */
	uintptr_t keys, keys_end; /* its keys: as metadata */
	uintptr_t stack_top, last;
	uintptr_t entered; /* the stack pointer at the call's first instruction */
	struct cost cost;
	uint64_t limit; /* of instructions; what comes after them is not counted */
	bool lost; /* an instruction or a register that is not understood, a table that is full */
	/* Called before each counted instruction that touches metadata, with the address; true: count no further. */
	bool (*beside)(uintptr_t address);
} count;

static int register_number(x86_reg reg)
{
	static const struct {
		x86_reg reg;
		int number;
	} known[] = {
		{ X86_REG_RAX, REG_RAX }, { X86_REG_RBX, REG_RBX }, { X86_REG_RCX, REG_RCX },
		{ X86_REG_RDX, REG_RDX }, { X86_REG_RSI, REG_RSI }, { X86_REG_RDI, REG_RDI },
		{ X86_REG_RBP, REG_RBP }, { X86_REG_RSP, REG_RSP }, { X86_REG_R8, REG_R8 },
		{ X86_REG_R9, REG_R9 },   { X86_REG_R10, REG_R10 }, { X86_REG_R11, REG_R11 },
		{ X86_REG_R12, REG_R12 }, { X86_REG_R13, REG_R13 }, { X86_REG_R14, REG_R14 },
		{ X86_REG_R15, REG_R15 },
	};
	size_t i;

	if (reg == X86_REG_INVALID || reg == X86_REG_RIP)
		return -1;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].reg == reg)
			return known[i].number;
	count.lost = true;
	return -1;
}

/* Does it name memory without touching it? */
static bool only_names(unsigned int id)
{
	return id == X86_INS_LEA || id == X86_INS_NOP;
}

/* Does a register add to the address, in bits? */
static bool bit_string(unsigned int id, const cs_x86 *x86)
{
	return (id == X86_INS_BT || id == X86_INS_BTS || id == X86_INS_BTR || id == X86_INS_BTC) &&
	       x86->operands[0].type == X86_OP_MEM && x86->operands[1].type == X86_OP_REG;
}

static void decode(struct decoded *to, uintptr_t at)
{
	const uint8_t *code = (const uint8_t *)at;
	size_t left = 16;
	uint64_t address = at;
	const cs_x86 *x86;
	unsigned int i;

	*to = (struct decoded){ .at = at };
	if (!cs_disasm_iter(count.capstone, &code, &left, &address, count.insn)) {
		count.lost = true;
		return;
	}
	x86 = &count.insn->detail->x86;
	if (bit_string(count.insn->id, x86))
		count.lost = true;
	to->repeated = x86->prefix[0] == X86_PREFIX_REP || x86->prefix[0] == X86_PREFIX_REPNE;
	for (i = 0; i < x86->op_count && !only_names(count.insn->id); i++) {
		const cs_x86_op *op = &x86->operands[i];

		if (op->type != X86_OP_MEM || op->mem.segment == X86_REG_FS)
			continue;
		if (op->mem.segment == X86_REG_GS || to->operands == 2) {
			count.lost = true;
			return;
		}
		to->operand[to->operands++] = (struct operand){
			.base = register_number(op->mem.base),
			.index = register_number(op->mem.index),
			.scale = op->mem.scale,
			.size = op->size,
			.displacement = op->mem.disp + (op->mem.base == X86_REG_RIP ? (int64_t)address : 0),
		};
	}
	to->rmw = x86->prefix[0] == X86_PREFIX_LOCK || (count.insn->id == X86_INS_XCHG && to->operands);
	/* A string instruction that is no string instruction ("rep ret") names no memory. */
	to->repeated &= to->operands != 0;
}

static const struct decoded *decoded_at(uintptr_t at)
{
	size_t i = (at * 0x9e3779b97f4a7c15u) >> 49;

	while (count.decoded[i].at && count.decoded[i].at != at)
		i = (i + 1) % DECODED_SLOTS;
	if (!count.decoded[i].at)
		decode(&count.decoded[i], at);
	return &count.decoded[i];
}

/* Is this line new to the call? */
static bool line_new(uintptr_t line)
{
	size_t i = (line * 0x9e3779b97f4a7c15u) >> 46, n;

	for (n = 0; count.seen[i].stamp == count.stamp; n++, i = (i + 1) % LINE_SLOTS) {
		if (count.seen[i].line == line)
			return false;
		if (n == LINE_SLOTS / 2) {
			count.lost = true;
			return false;
		}
	}
	count.seen[i].line = line;
	count.seen[i].stamp = count.stamp;
	return true;
}

static void touch(uintptr_t first, size_t bytes, uintptr_t stack)
{
	uintptr_t line, end = first + bytes;

	if (first >= stack - 128 && first < count.stack_top)
		return;
	if (first >= count.page && first < count.page_end)
		return;
	for (line = first & ~(uintptr_t)63; line < end; line += 64) {
		if (!line_new(line))
			continue;
		if ((line + 64 > count.metadata && line < count.metadata_end) || (line >= count.keys && line < count.keys_end))
			count.cost.lines++;
		else
			count.cost.others++;
	}
}

static uintptr_t operand_address(const struct operand *o, const greg_t *regs)
{
	uintptr_t at = (uintptr_t)o->displacement;

	if (o->base >= 0)
		at += (uintptr_t)regs[o->base];
	if (o->index >= 0)
		at += (uintptr_t)regs[o->index] * (uintptr_t)o->scale;
	return at;
}

static void count_memory(const struct decoded *op, const greg_t *regs)
{
	unsigned int i;

	if (op->repeated && regs[REG_EFL] & 0x400)
		count.lost = true; /* downwards: nobody does that */
	for (i = 0; i < op->operands; i++) {
		const struct operand *o = &op->operand[i];
		size_t times = op->repeated ? (size_t)regs[REG_RCX] : 1;

		if (times)
			touch(operand_address(o, regs), o->size * times, (uintptr_t)regs[REG_RSP]);
	}
}

/* Others' turn?  True: they want no more counted. */
static bool others_turn(const struct decoded *op, const greg_t *regs)
{
	unsigned int i;

	for (i = 0; count.beside && i < op->operands; i++) {
		uintptr_t address = operand_address(&op->operand[i], regs);

		if (address >= count.metadata && address < count.metadata_end && count.beside(address))
			return true;
	}
	return false;
}

static void count_visit(const ucontext_t *at, uint64_t instruction, void *data)
{
	const greg_t *regs = at->uc_mcontext.gregs;
	uintptr_t here = (uintptr_t)regs[REG_RIP];
	const struct decoded *op;

	(void)instruction;
	(void)data;
	if (here - (uintptr_t)__start_uncounted < (uintptr_t)(__stop_uncounted - __start_uncounted)) {
		count.last = 0;
		return;
	}
	op = decoded_at(here);
	if (op->repeated && here == count.last)
		return; /* the trap comes at each turn of it */
	count.last = here;
	if (others_turn(op, regs) || count.cost.instructions >= count.limit) {
		((ucontext_t *)(uintptr_t)at)->uc_mcontext.gregs[REG_EFL] &=
			~(greg_t)0x100; /* at full speed from here */
		return;
	}
	count.cost.instructions++;
	count.cost.rmw += op->rmw;
	if (!count.entered)
		count.entered = (uintptr_t)regs[REG_RSP];
	if ((uintptr_t)regs[REG_RSP] < count.entered - count.cost.stack)
		count.cost.stack = count.entered - (uintptr_t)regs[REG_RSP];
	count_memory(op, regs);
}

static void count_begin(void)
{
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &count.capstone) != CS_ERR_OK ||
	    cs_option(count.capstone, CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK) {
		puts("FAIL steps: capstone does not open");
		exit(1);
	}
	count.insn = cs_malloc(count.capstone);
}

/* What call() costs, up to so many instructions; the metadata lies at `metadata`. */
static struct cost count_call(void (*call)(void *), const void *metadata, size_t bytes, uint64_t limit)
{
	char here;

	count.cost = (struct cost){ 0 };
	count.metadata = (uintptr_t)metadata;
	count.metadata_end = (uintptr_t)metadata + bytes;
	count.stack_top = (uintptr_t)&here;
	count.stamp++;
	count.last = count.entered = 0;
	count.limit = limit;
	stepper_run(call, NULL, count_visit, NULL);
	return count.cost;
}

#endif
#endif
