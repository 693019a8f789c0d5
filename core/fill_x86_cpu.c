/* SPDX-License-Identifier: MIT */
/*
 * fill_x86_cpu.c - which of x86-64's fill kernels (fill_x86.c) this CPU, and its operating system, can run.
 */
#include "fill_kernel.h"

#if defined(__x86_64__)

#include <cpuid.h>

#define LEAF1_ECX_AES_SSE41_SSSE3 (UINT32_C(1) << 25 | UINT32_C(1) << 19 | UINT32_C(1) << 9)
#define LEAF1_ECX_OSXSAVE (UINT32_C(1) << 27)
#define LEAF7_EBX_AVX2 (UINT32_C(1) << 5)
#define LEAF7_EBX_AVX512_F_VL (UINT32_C(1) << 16 | UINT32_C(1) << 31)
#define LEAF7_ECX_VAES (UINT32_C(1) << 9)
#define XCR0_256 0x06u /* the OS keeps the registers: 128 and 256 bits */
#define XCR0_512 0xe6u /* ... and the masks and the 512 bits of all 32 */

static bool has(uint64_t word, uint64_t bits)
{
	return (word & bits) == bits;
}

unsigned int fill_x86_usable(const struct fill_x86_cpu *cpu)
{
	unsigned int usable = 0;

	if (!has(cpu->leaf1_ecx, LEAF1_ECX_AES_SSE41_SSSE3))
		return 0;
	usable |= 1u << FILL_AES_NI;
	if (!has(cpu->xcr0, XCR0_256) || !has(cpu->leaf7_ebx, LEAF7_EBX_AVX2) || !has(cpu->leaf7_ecx, LEAF7_ECX_VAES))
		return usable;
	usable |= 1u << FILL_VAES_256;
	if (has(cpu->xcr0, XCR0_512) && has(cpu->leaf7_ebx, LEAF7_EBX_AVX512_F_VL))
		usable |= 1u << FILL_VAES_512;
	return usable;
}

unsigned int fill_x86_here(void)
{
	struct fill_x86_cpu cpu = { 0, 0, 0, 0 };
	uint32_t eax, ebx, edx, low, high;

	/* What the CPU does not have leaves the zeros. */
	__get_cpuid(1, &eax, &ebx, &cpu.leaf1_ecx, &edx);
	__get_cpuid_count(7, 0, &eax, &cpu.leaf7_ebx, &cpu.leaf7_ecx, &edx);
	if (has(cpu.leaf1_ecx, LEAF1_ECX_OSXSAVE)) {
		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
		cpu.xcr0 = (uint64_t)high << 32 | low;
	}
	return fill_x86_usable(&cpu);
}

#endif
