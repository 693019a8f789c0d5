/* SPDX-License-Identifier: MIT */
/*
 * steps_bounds.h - the published bounds, and the table of them in SPEC.md (section 15).
 *
 * The only place where they stand: the machine measures against them, `steps --spec` prints them,
 * scripts/steps-table.sh writes them into SPEC.md, and ./test steps compares.
 */
#ifndef STEPS_BOUNDS_H
#define STEPS_BOUNDS_H

#include <stdbool.h>
#include <stdio.h>

enum metric { RMW, LINES, INSTRUCTIONS, METRICS };

/* fixed + level * h + pool * p */
struct price {
	unsigned int fixed, level, pool;
};

enum row {
	ALLOC, ALLOC_POOL, FREE, FREE_POOL, REFUSAL, REFUSAL_POOLS, AGAIN,
	BLOCK, BLOCK_7, BLOCK_8, BLOCK_9, REFUSAL_BLOCK, FREE_BLOCK, FREE_7, FREE_8, FREE_9,
	AT, AT_POOLED, BULK, FREE_BULK, SPLIT, FREE_REFUSED,
	CLIENT_ALLOC, CLIENT_FREE, CLIENT_REFUSED,
	VAULT_ALLOC, VAULT_FREE, VAULT_RING, VAULT_LAUNDRY, VAULT_CONTRACT, VAULT_BACK, NEXT_KEY,
	FIRST_REFUSAL, STALE_LISTING, STALE_HINT, LOOKED, EXCHANGED, FURTHER_ROOM, BESIDE, ROWS
};

/* Which of its bounds some state needs in full, at every h and p that is measured. */
enum reached { NONE_REACHED, RMW_REACHED, BOTH_REACHED };

struct bound {
	const char *call;
	struct price usual[METRICS], worst[METRICS]; /* RMW, cache lines, instructions */
	enum reached reached;
};

/* Cache lines of the program and of the caller's own arrays, in any call. */
#define OTHERS_MOST 12u
/* Bytes of stack below the caller. */
#define STACK_MOST 2048u
#define STACK_VAULT 4096u /* of a vault's calls: a fill kernel's, and that of who makes a key */

#define NO_USUAL { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 } }

/* Of instructions: one and a half times what gcc 12 and clang 14 need with -O2, rounded. */
static const struct bound bounds[ROWS] = {
	[ALLOC] = { "alloc, order 0, commons", { { 1, 0, 0 }, { 6, 0, 0 }, { 150, 0, 0 } },
		    { { 1, 2, 0 }, { 17, 4, 0 }, { 2550, 590, 0 } }, BOTH_REACHED },
	[ALLOC_POOL] = { "alloc, order 0, from a pool", { { 3, 0, 0 }, { 24, 0, 2 }, { 1300, 0, 110 } },
			 { { 3, 0, 3 }, { 24, 0, 2 }, { 1900, 0, 470 } }, NONE_REACHED },
	[FREE] = { "free, order 0, commons", { { 2, 0, 0 }, { 10, 1, 0 }, { 350, 40, 0 } },
		   { { 3, 1, 0 }, { 11, 2, 0 }, { 760, 90, 0 } }, BOTH_REACHED },
	[FREE_POOL] = { "free, order 0, into a pool", { { 3, 0, 0 }, { 16, 0, 2 }, { 650, 0, 60 } },
			{ { 3, 0, 3 }, { 16, 0, 2 }, { 750, 0, 470 } }, NONE_REACHED },
	[REFUSAL] = { "refusal, order 0, no pools", { { 3, 0, 0 }, { 18, 0, 0 }, { 1800, 0, 0 } },
		      { { 3, 0, 0 }, { 18, 0, 0 }, { 1900, 0, 0 } }, BOTH_REACHED },
	[REFUSAL_POOLS] = { "refusal, order 0, pools", { { 3, 0, 0 }, { 18, 0, 0 }, { 2100, 0, 0 } },
			    { { 3, 0, 0 }, { 19, 0, 0 }, { 2250, 0, 0 } }, BOTH_REACHED },
	[AGAIN] = { "order 0, −EAGAIN after 64 walks", NO_USUAL, { { 3, 0, 0 }, { 19, 0, 0 }, { 81000, 0, 0 } },
		    BOTH_REACHED },
	[BLOCK] = { "alloc, order 1..6", { { 1, 0, 0 }, { 9, 1, 0 }, { 1000, 70, 0 } },
		    { { 1, 2, 0 }, { 9, 2, 0 }, { 2850, 350, 0 } }, BOTH_REACHED },
	[BLOCK_7] = { "alloc, order 7", { { 4, 0, 0 }, { 9, 1, 0 }, { 850, 70, 0 } },
		      { { 4, 2, 0 }, { 9, 2, 0 }, { 1250, 350, 0 } }, BOTH_REACHED },
	[BLOCK_8] = { "alloc, order 8", { { 6, 0, 0 }, { 9, 1, 0 }, { 950, 70, 0 } },
		      { { 6, 2, 0 }, { 9, 2, 0 }, { 1200, 350, 0 } }, BOTH_REACHED },
	[BLOCK_9] = { "alloc, order 9", { { 12, 0, 0 }, { 10, 1, 0 }, { 1500, 70, 0 } },
		      { { 10, 2, 0 }, { 9, 2, 0 }, { 1250, 350, 0 } }, BOTH_REACHED },
	[REFUSAL_BLOCK] = { "refusal, order 1..9, no pools", { { 3, 0, 0 }, { 15, 0, 0 }, { 1550, 0, 0 } },
			    { { 3, 0, 0 }, { 15, 0, 0 }, { 1550, 0, 0 } }, BOTH_REACHED },
	[FREE_BLOCK] = { "free, order 1..6", { { 2, 0, 0 }, { 10, 1, 0 }, { 400, 40, 0 } },
			 { { 3, 7, 0 }, { 10, 3, 0 }, { 900, 250, 0 } }, BOTH_REACHED },
	[FREE_7] = { "free, order 7", { { 3, 0, 0 }, { 10, 1, 0 }, { 420, 40, 0 } },
		     { { 4, 8, 0 }, { 10, 3, 0 }, { 700, 280, 0 } }, BOTH_REACHED },
	[FREE_8] = { "free, order 8", { { 5, 0, 0 }, { 10, 1, 0 }, { 450, 40, 0 } },
		     { { 6, 9, 0 }, { 10, 3, 0 }, { 780, 310, 0 } }, BOTH_REACHED },
	[FREE_9] = { "free, order 9", { { 10, 0, 0 }, { 10, 1, 0 }, { 520, 40, 0 } },
		     { { 10, 10, 0 }, { 10, 3, 0 }, { 700, 340, 0 } }, BOTH_REACHED },
	[AT] = { "alloc at, order 0", { { 1, 0, 0 }, { 8, 0, 0 }, { 400, 0, 0 } },
		 { { 1, 2, 0 }, { 8, 1, 0 }, { 690, 280, 0 } }, BOTH_REACHED },
	[AT_POOLED] = { "alloc at, order 0, of a pooled frame", NO_USUAL,
			{ { 5, 2, 6 }, { 29, 2, 2 }, { 2000, 400, 400 } }, NONE_REACHED },
	[BULK] = { "bulk alloc of 32", { { 1, 0, 0 }, { 14, 0, 0 }, { 1550, 0, 0 } },
		   { { 32, 64, 0 }, { 46, 32, 0 }, { 79500, 18700, 0 } }, BOTH_REACHED },
	[FREE_BULK] = { "bulk free of 32", { { 33, 0, 0 }, { 13, 1, 0 }, { 3000, 40, 0 } },
			{ { 96, 32, 0 }, { 44, 32, 0 }, { 17500, 2560, 0 } }, BOTH_REACHED },
	[SPLIT] = { "split, order 9", { { 1, 0, 0 }, { 66, 0, 0 }, { 7000, 0, 0 } },
		    { { 1, 0, 0 }, { 66, 0, 0 }, { 7000, 0, 0 } }, BOTH_REACHED },
	[FREE_REFUSED] = { "free or split refused", NO_USUAL, { { 1, 0, 0 }, { 12, 0, 0 }, { 430, 0, 0 } },
			   BOTH_REACHED },
	[CLIENT_ALLOC] = { "alloc of a client, from its contract", { { 5, 0, 0 }, { 16, 0, 0 }, { 1300, 0, 0 } },
			   { { 7, 0, 0 }, { 17, 0, 0 }, { 1550, 0, 0 } }, RMW_REACHED },
	[CLIENT_FREE] = { "free of a client, into its contract", { { 5, 0, 0 }, { 18, 0, 0 }, { 1100, 0, 0 } },
			  { { 7, 0, 0 }, { 18, 0, 0 }, { 1400, 0, 0 } }, RMW_REACHED },
	[CLIENT_REFUSED] = { "a client refused: −EDQUOT", { { 4, 0, 0 }, { 18, 0, 0 }, { 1300, 0, 0 } },
			     { { 4, 0, 0 }, { 18, 0, 0 }, { 1300, 0, 0 } }, NONE_REACHED },
	[VAULT_ALLOC] = { "vault: alloc", { { 1, 0, 0 }, { 15, 1, 0 }, { 4400, 100, 0 } },
		{ { 1, 2, 0 }, { 17, 4, 0 }, { 5100, 590, 0 } }, NONE_REACHED },
	[VAULT_FREE] = { "vault: free", { { 3, 0, 0 }, { 18, 1, 0 }, { 68500, 40, 0 } },
		{ { 4, 1, 0 }, { 19, 2, 0 }, { 69000, 250, 0 } }, NONE_REACHED },
	[VAULT_RING] = { "vault: free, through the quarantine", { { 5, 0, 0 }, { 22, 1, 0 }, { 71500, 40, 0 } },
		{ { 6, 1, 0 }, { 23, 2, 0 }, { 72000, 250, 0 } }, NONE_REACHED },
	[VAULT_LAUNDRY] = { "vault: free, into the laundry", { { 2, 1, 0 }, { 9, 1, 0 }, { 290, 80, 0 } },
		{ { 2, 1, 0 }, { 9, 1, 0 }, { 310, 90, 0 } }, NONE_REACHED },
	[VAULT_CONTRACT] = { "vault: alloc of a client, from its contract", { { 5, 0, 0 }, { 20, 0, 0 }, { 4600, 0, 0 } },
		{ { 7, 0, 0 }, { 21, 0, 0 }, { 5100, 0, 0 } }, NONE_REACHED },
	[VAULT_BACK] = { "vault: free of a client, into its contract", { { 7, 0, 0 }, { 26, 0, 0 }, { 69500, 0, 0 } },
		{ { 9, 0, 0 }, { 27, 0, 0 }, { 70000, 0, 0 } }, NONE_REACHED },
	[NEXT_KEY] = { "+ each 64th page that is overwritten: the next key", NO_USUAL,
		{ { 1, 0, 0 }, { 2, 0, 0 }, { 9500, 0, 0 } }, NONE_REACHED },
	[FIRST_REFUSAL] = { "+ the first refusal of all", NO_USUAL, { { 1, 0, 0 }, { 1, 0, 0 }, { 150, 0, 0 } },
			    RMW_REACHED },
	[STALE_LISTING] = { "+ each full leaf still listed", NO_USUAL,
			    { { 0, 2, 0 }, { 3, 1, 0 }, { 450, 340, 0 } }, RMW_REACHED },
	[STALE_HINT] = { "+ each order hint too high", NO_USUAL,
			 { { 2, 9, 0 }, { 2, 2, 0 }, { 1500, 1200, 0 } }, RMW_REACHED },
	[LOOKED] = { "+ each frame that an exchange looks at", NO_USUAL, { { 0, 0, 0 }, { 1, 0, 0 }, { 45, 0, 0 } },
		     NONE_REACHED },
	[EXCHANGED] = { "+ each frame that it pays for, or puts back", NO_USUAL,
			{ { 8, 3, 9 }, { 14, 2, 6 }, { 2000, 450, 900 } }, NONE_REACHED },
	[FURTHER_ROOM] = { "+ each further room", NO_USUAL, { { 1, 0, 0 }, { 12, 0, 0 }, { 750, 0, 0 } },
			   NONE_REACHED },
	[BESIDE] = { "+ each atomic operation of others", NO_USUAL,
		     { { 1, 2, 0 }, { 17, 4, 0 }, { 2550, 590, 0 } }, RMW_REACHED },
};

static unsigned int price_at(const struct price *price, unsigned int h, unsigned int p)
{
	return price->fixed + price->level * h + price->pool * p;
}

/* ---- SPEC.md ---- */

/* With commas, as the documents have them. */
static void print_number(unsigned int n)
{
	if (n < 1000)
		printf("%u", n);
	else
		printf("%u,%03u", n / 1000, n % 1000);
}

static void print_term(unsigned int factor, const char *unit, bool *first)
{
	if (!factor)
		return;
	if (!*first)
		printf(" + ");
	if (factor > 1 || !*unit)
		print_number(factor);
	printf("%s", unit);
	*first = false;
}

static void print_price(const struct price *price)
{
	bool first = true;

	putchar(' ');
	print_term(price->fixed, "", &first);
	print_term(price->level, "h", &first);
	print_term(price->pool, "p", &first);
	printf("%s |", first ? "0" : "");
}

static bool has_usual(const struct bound *bound)
{
	return bound->usual[INSTRUCTIONS].fixed;
}

static void print_formulas(void)
{
	unsigned int row, metric;

	puts("| call | usual: RMW | lines | instructions | worst: RMW | lines | instructions |");
	puts("|---|---|---|---|---|---|---|");
	for (row = 0; row < ROWS; row++) {
		printf("| %s |", bounds[row].call);
		for (metric = 0; metric < METRICS; metric++)
			if (has_usual(&bounds[row]))
				print_price(&bounds[row].usual[metric]);
			else
				printf(" |");
		for (metric = 0; metric < METRICS; metric++)
			print_price(&bounds[row].worst[metric]);
		putchar('\n');
	}
}

/*
 * A bound at a height.  Where it does not depend on the room's but on a pool's: at that; where on both: at the
 * tallest pools that such a room can have.
 */
static void print_worst(const struct bound *bound, unsigned int height)
{
	bool pool_only = bound->worst[RMW].pool && !bound->worst[RMW].level;
	unsigned int p = pool_only ? height : height < 3 ? height + 1 : 4, metric;

	if (pool_only && height > 4) {
		printf(" – |");
		return;
	}
	for (metric = 0; metric < METRICS; metric++) {
		printf(metric ? " · " : " ");
		print_number(price_at(&bound->worst[metric], height, p));
	}
	printf(" |");
}

static void print_heights(void)
{
	unsigned int row, height;

	puts("| worst: RMW · lines · instructions | h = 1 | 2 | 3 | 4 | 5 |");
	puts("|---|---|---|---|---|---|");
	for (row = 0; row < ROWS; row++) {
		printf("| %s |", bounds[row].call);
		for (height = 1; height <= 5; height++)
			print_worst(&bounds[row], height);
		putchar('\n');
	}
}

/* What stands in SPEC.md between its markers, markers included. */
static void print_spec(void)
{
	puts("<!-- steps: begin -->");
	print_formulas();
	putchar('\n');
	print_heights();
	puts("<!-- steps: end -->");
}

#endif
