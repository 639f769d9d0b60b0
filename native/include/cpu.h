/* Which vector instructions the processor has and the operating system keeps registers for, by each processor's own names. With
 * FAIRLEAD_PORTABLE defined there are none, and what is written in plain C works everywhere. */
#ifndef FAIRLEAD_CPU_H
#define FAIRLEAD_CPU_H

#if defined(FAIRLEAD_PORTABLE)
#elif defined(__x86_64__)
#define FAIRLEAD_X86 1
#include <cpuid.h>
#elif defined(__AARCH64EL__)
#define FAIRLEAD_ARM 1
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

enum {
    FAIRLEAD_CPU_ASKED = 1,
    FAIRLEAD_CPU_SSE42 = 2,
    FAIRLEAD_CPU_PCLMUL = 4,
    FAIRLEAD_CPU_AVX2 = 8,
    FAIRLEAD_CPU_AVX512F = 16,
    FAIRLEAD_CPU_ASIMD = 32,
    FAIRLEAD_CPU_CRC32 = 64,
    FAIRLEAD_CPU_PMULL = 128
};

#if defined(FAIRLEAD_X86)
/* By cpuid and xgetbv, not by __builtin_cpu_supports: with zig cc it is no for everything, as zig's own compiler-rt (0.17.1, fmv.zig)
 * leaves the answer at zero. */
static int fairlead_cpu_ask(void) {
    unsigned eax, ebx, ecx, edx, enabled = 0, high;
    int has = FAIRLEAD_CPU_ASKED;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return has;
    if (ecx & bit_SSE4_2)
        has |= FAIRLEAD_CPU_SSE42;
    if (ecx & bit_PCLMUL)
        has |= FAIRLEAD_CPU_PCLMUL;
    if (ecx & bit_OSXSAVE)
        __asm__ volatile("xgetbv" : "=a"(enabled), "=d"(high) : "c"(0));
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        return has;
    /* Intel's manual, volume 1, 13.3: bits 1 and 2 are the halves of ymm, 5 to 7 are the masks and what zmm has more. */
    if ((enabled & 0x06) == 0x06 && ebx & bit_AVX2)
        has |= FAIRLEAD_CPU_AVX2;
    if ((enabled & 0xe6) == 0xe6 && ebx & bit_AVX512F)
        has |= FAIRLEAD_CPU_AVX512F;
    return has;
}
#elif defined(FAIRLEAD_ARM)
/* NEON is part of AArch64. The kernel tells the rest (https://docs.kernel.org/arch/arm64/elf_hwcaps.html); where there is none to ask it
 * is what the compiler takes for granted. */
static int fairlead_cpu_ask(void) {
    int has = FAIRLEAD_CPU_ASKED | FAIRLEAD_CPU_ASIMD;
#if defined(__linux__)
    const unsigned long told = getauxval(AT_HWCAP);
    if (told & HWCAP_CRC32)
        has |= FAIRLEAD_CPU_CRC32;
    if (told & HWCAP_PMULL)
        has |= FAIRLEAD_CPU_PMULL;
#else
#if defined(__ARM_FEATURE_CRC32)
    has |= FAIRLEAD_CPU_CRC32;
#endif
#if defined(__ARM_FEATURE_AES)
    has |= FAIRLEAD_CPU_PMULL;
#endif
#endif
    return has;
}
#else
static int fairlead_cpu_ask(void) { return FAIRLEAD_CPU_ASKED; }
#endif

/* Whether all of `wanted` is there. In a virtual machine cpuid takes microseconds, so it is asked once; threads that ask at the same
 * time store the same. */
static int fairlead_cpu_has(int wanted) {
    static int known;
    int has = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (!has) {
        has = fairlead_cpu_ask();
        __atomic_store_n(&known, has, __ATOMIC_RELAXED);
    }
    return (has & wanted) == wanted;
}

#endif
