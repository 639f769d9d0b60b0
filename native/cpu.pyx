# What the processor has of what the kernels use: include/cpu.h.

cdef extern from "cpu.h" nogil:
    int fairlead_cpu_has(int wanted)
    enum:
        FAIRLEAD_CPU_SSE42
        FAIRLEAD_CPU_PCLMUL
        FAIRLEAD_CPU_AVX2
        FAIRLEAD_CPU_AVX512F
        FAIRLEAD_CPU_ASIMD
        FAIRLEAD_CPU_CRC32
        FAIRLEAD_CPU_PMULL


def features():
    known = {
        "sse4_2": FAIRLEAD_CPU_SSE42,
        "pclmulqdq": FAIRLEAD_CPU_PCLMUL,
        "avx2": FAIRLEAD_CPU_AVX2,
        "avx512f": FAIRLEAD_CPU_AVX512F,
        "asimd": FAIRLEAD_CPU_ASIMD,
        "crc32": FAIRLEAD_CPU_CRC32,
        "pmull": FAIRLEAD_CPU_PMULL,
    }
    return [name for name, feature in known.items() if fairlead_cpu_has(feature)]
