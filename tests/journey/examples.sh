#!/bin/sh
# SPDX-License-Identifier: MIT
#
# examples.sh BINARY SOURCE - every program in examples/, built as its first comment says and run; the
# headers in C and C++, strictly; a driver's code that knows Linux's names alone.
set -u

binary=${1:?usage: examples.sh BINARY SOURCE}
source=${2:?usage: examples.sh BINARY SOURCE}
build=$(cd "$(dirname "$binary")" && pwd -P) || exit 1
source=$(cd "$source" && pwd -P) || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0
gcc=${CC:-gcc}

fail() {
	echo "FAIL examples: $*"
	failures=$((failures + 1))
}

# What is installed elsewhere, here by links: pkg-config's answer cannot bear blanks.
ln -s "$source/include" "$work/include"
ln -s "$build/liblabyrinth.a" "$work/liblabyrinth.a"
[ -f "$work/liblabyrinth.a" ] || fail "no liblabyrinth.a beside $binary"
cat >"$work/labyrinth.pc" <<PC
Name: labyrinth
Description: the build folder's
Version: 0
Libs: $work/liblabyrinth.a -pthread
Cflags: -I$work/include
PC
export PKG_CONFIG_PATH="$work"

echo "each example: its own command, then run"
[ -n "$(ls "$source"/examples/*.c)" ] || fail "there are none"
for file in "$source"/examples/*.c; do
	name=$(basename "$file" .c)
	command=$(sed -n "s/^ \*  *\(cc $name\.c .*\)$/\1/p" "$file" | head -n 1)
	if [ -z "$command" ]; then
		fail "$name does not say how it is built"
		continue
	fi
	cp "$file" "$work/"
	if ! (cd "$work" && eval "$gcc -O2 -Wall -Wextra -Werror ${command#cc }"); then
		fail "$name: $command"
		continue
	fi
	timeout 60 "$work/$name" >"$work/out" 2>&1 </dev/null
	status=$?
	sed "s/^/  $name: /" "$work/out"
	[ $status -eq 0 ] || fail "$name ended with $status"
	[ -s "$work/out" ] || fail "$name says nothing"
done

# compile COMPILER...: standard input, strictly, with the include path; not linked
compile() {
	"$@" -Wall -Wextra -Wpedantic -Werror -I"$work/include" -fsyntax-only - || fail "$*"
}

echo "the headers, in C and C++"
for header in labyrinth.h labyrinth/user.h labyrinth/secret.h labyrinth/define.h labyrinth/linux.h; do
	# <sys/user.h> has a PAGE_SIZE too, <limits.h> may: before and behind.
	for order in "$header limits.h sys/user.h" "limits.h sys/user.h $header"; do
		for each in $order; do
			printf '#include <%s>\n' "$each"
		done >"$work/headers"
		for std in c11 gnu11; do
			compile "$gcc" -x c -std=$std <"$work/headers"
			command -v clang >/dev/null && compile clang -x c -std=$std <"$work/headers"
		done
		command -v g++ >/dev/null && compile g++ -x c++ -std=c++17 <"$work/headers"
		command -v clang++ >/dev/null && compile clang++ -x c++ -std=c++17 <"$work/headers"
	done
done
command -v g++ >/dev/null || echo "  (no g++: C++ by clang++ alone, if that is here)"
printf '#include <labyrinth.h>\nstatic LAB_DEFINE(pool, 1 << 20);\nint start(void);\nint start(void) { return LAB_BIRTH(pool); }\n' |
	compile "$gcc" -x c -std=c11 -ffreestanding

cat >"$work/program.cc" <<'CC'
#include <labyrinth.h>
#include <labyrinth/linux.h>
#include <cstdio>

LAB_DECLARE(shared);
LAB_DEFINE(shared, 4 << 20);
LAB_DEFINE(own, 64 << 10);

int main()
{
	lab_set_default(shared);
	struct page *page = alloc_page(GFP_ATOMIC);
	unsigned long address = get_zeroed_page(GFP_KERNEL);
	void *block = lab_alloc(own, LAB_GFP_KERNEL, 4);
	bool good = page && address && block && virt_to_page(page_address(page)) == page;

	__free_page(page);
	free_page(address);
	std::printf("C++: %s\n", good ? "good" : "bad");
	return good && lab_free(own, block, 4) == 0 ? 0 : 1;
}
CC
for compiler in g++ clang++; do
	command -v $compiler >/dev/null || continue
	if $compiler -std=c++17 -O2 -Wall -Wextra -Wpedantic -Werror -I"$work/include" -o "$work/program" \
		"$work/program.cc" "$work/liblabyrinth.a" -pthread; then
		"$work/program" || fail "the program in C++ ($compiler) ended with $?"
	else
		fail "the program in C++ with $compiler"
	fi
done

echo "a driver's code, with nothing but the one include"
cat >"$work/driver.c" <<'C'
#include <labyrinth/linux.h>

#define RING 64
#define CACHE 32

struct slot {
	struct page *page;
	phys_addr_t dma;
	unsigned int order;
};

struct queue {
	struct slot slot[RING];
	struct page *cache[CACHE];
	unsigned int cached, head, tail;
	unsigned long exhausted;
	int node;
	void *descriptors;
};

/* A big block if there is one, else smaller and smaller. */
static struct page *take_largest(struct queue *q, gfp_t gfp, unsigned int *order)
{
	struct page *page;

	for (*order = 3;; (*order)--) {
		gfp_t flags = *order ? (gfp | __GFP_COMP | __GFP_NOWARN | __GFP_NORETRY) & ~__GFP_DIRECT_RECLAIM : gfp;

		page = alloc_pages_node(q->node, flags, *order);
		if (likely(page) || !*order)
			return page;
	}
}

static struct page *take_cached(struct queue *q, gfp_t gfp)
{
	struct page *page;

	if (!q->cached) {
		q->cached = (unsigned int)alloc_pages_bulk_array(gfp, CACHE, q->cache);
		if (unlikely(!q->cached))
			return ERR_PTR(-12);
	}
	page = q->cache[--q->cached];
	q->cache[q->cached] = NULL;
	return page;
}

static int refill(struct queue *q, unsigned int count)
{
	while (count--) {
		struct slot *slot = &q->slot[q->head % RING];

		slot->page = take_largest(q, GFP_ATOMIC, &slot->order);
		if (!slot->page) {
			q->exhausted++;
			return -12;
		}
		slot->dma = page_to_phys(slot->page);
		q->head++;
	}
	return 0;
}

static void clean(struct queue *q)
{
	while (q->tail != q->head) {
		struct slot *slot = &q->slot[q->tail++ % RING];

		__free_pages(slot->page, slot->order);
		slot->page = NULL;
	}
}

static int probe(struct queue *q)
{
	q->node = NUMA_NO_NODE;
	q->descriptors = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, get_order(RING * sizeof(struct slot)));
	if (!q->descriptors)
		return -12;
	return refill(q, RING);
}

static void remove_queue(struct queue *q)
{
	clean(q);
	while (q->cached)
		__free_page(q->cache[--q->cached]);
	free_pages((unsigned long)q->descriptors, get_order(RING * sizeof(struct slot)));
}

int main(void)
{
	static struct queue q;
	struct page *page;
	void *table;
	int rounds, error = probe(&q);

	for (rounds = 0; !error && rounds < 1000; rounds++) {
		clean(&q);
		error = refill(&q, RING);
	}
	page = take_cached(&q, gfpflags_allow_blocking(GFP_NOWAIT) ? GFP_KERNEL : GFP_NOWAIT);
	if (IS_ERR(page))
		error = (int)PTR_ERR(page);
	else
		__free_page(page);
	table = alloc_pages_exact(3 * PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	if (!table || offset_in_page(table) || !virt_addr_valid(table))
		error = -14;
	free_pages_exact(table, 3 * PAGE_SIZE);
	page = alloc_pages(GFP_HIGHUSER_MOVABLE, 2);
	if (!page || page_to_pfn(page + 3) != page_to_pfn(page) + 3)
		error = -14;
	split_page(page, 2);
	for (rounds = 0; rounds < 4; rounds++)
		__free_page(page + rounds);
	remove_queue(&q);
	return error || q.exhausted;
}
C
for compiler in "$gcc -std=gnu11" "clang -std=c11" "$gcc -std=c11 -fstrict-aliasing -O3"; do
	command -v "${compiler%% *}" >/dev/null || continue
	if $compiler -O2 -Wall -Wextra -Wpedantic -Werror -I"$work/include" \
		-o "$work/driver" "$work/driver.c" "$work/liblabyrinth.a" -pthread; then
		timeout 60 "$work/driver" || fail "the driver ($compiler) ended with $?"
	else
		fail "the driver with $compiler"
	fi
done

[ $failures -eq 0 ] && echo "examples: all work"
exit $((failures > 0))
