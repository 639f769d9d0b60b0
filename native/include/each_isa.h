/* Includes the file that FAIRLEAD_BODY names once an instruction set of blocks.h, with FAIRLEAD_ISA and FAIRLEAD_TARGET set; with
 * FAIRLEAD_VECTORS_ONLY not for plain words. There is no guard: it is for one file after another. */
#include "blocks.h"

#if !defined(FAIRLEAD_VECTORS_ONLY)
#define FAIRLEAD_ISA(name) name##_words
#define FAIRLEAD_TARGET
#include FAIRLEAD_BODY
#undef FAIRLEAD_ISA
#undef FAIRLEAD_TARGET
#endif

#if defined(FAIRLEAD_X86) || defined(FAIRLEAD_ARM)
#define FAIRLEAD_ISA FAIRLEAD_BASELINE
#define FAIRLEAD_TARGET
#include FAIRLEAD_BODY
#undef FAIRLEAD_ISA
#undef FAIRLEAD_TARGET
#endif

#if defined(FAIRLEAD_X86)
#define FAIRLEAD_ISA(name) name##_avx2
#define FAIRLEAD_TARGET FAIRLEAD_AVX2
#include FAIRLEAD_BODY
#undef FAIRLEAD_ISA
#undef FAIRLEAD_TARGET
#endif

#undef FAIRLEAD_BODY
#undef FAIRLEAD_VECTORS_ONLY
