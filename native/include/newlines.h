/* Offsets of newlines in a buffer, 32 bytes a step with AVX2 (chosen at run time), 16 with SSE2, 8 otherwise. */
#ifndef FAIRLEAD_NEWLINES_H
#define FAIRLEAD_NEWLINES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Writes base + position of each newline in [at, length) to out, at most `room` of them; returns how many. */
static size_t fairlead_newlines_words(const unsigned char *data, size_t at, size_t length, int64_t base, int64_t *out, size_t room) {
    size_t count = 0;
    while (count < room && at < length) {
        const unsigned char *found = (const unsigned char *)memchr(data + at, '\n', length - at);
        if (!found)
            break;
        at = (size_t)(found - data);
        out[count++] = base + (int64_t)at++;
    }
    return count;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define FAIRLEAD_EMIT(mask, place)                          \
    while (mask) {                                          \
        if (count == room)                                  \
            return count;                                   \
        out[count++] = base + (int64_t)(place) + __builtin_ctzll(mask); \
        mask &= mask - 1;                                   \
    }

__attribute__((target("avx2"))) static size_t fairlead_newlines_avx2(const unsigned char *data, size_t at, size_t length, int64_t base,
                                                                     int64_t *out, size_t room) {
    const __m256i newline = _mm256_set1_epi8('\n');
    size_t count = 0;
    for (; at + 64 <= length; at += 64) {
        __m256i low = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(data + at)), newline);
        __m256i high = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(data + at + 32)), newline);
        uint64_t mask = (uint64_t)(uint32_t)_mm256_movemask_epi8(low) | ((uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32);
        FAIRLEAD_EMIT(mask, at)
    }
    return count + fairlead_newlines_words(data, at, length, base, out + count, room - count);
}

static size_t fairlead_newlines_sse2(const unsigned char *data, size_t at, size_t length, int64_t base, int64_t *out, size_t room) {
    const __m128i newline = _mm_set1_epi8('\n');
    size_t count = 0;
    for (; at + 16 <= length; at += 16) {
        uint64_t mask = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(data + at)), newline));
        FAIRLEAD_EMIT(mask, at)
    }
    return count + fairlead_newlines_words(data, at, length, base, out + count, room - count);
}

static size_t fairlead_newlines(const unsigned char *data, size_t at, size_t length, int64_t base, int64_t *out, size_t room) {
    if (__builtin_cpu_supports("avx2"))
        return fairlead_newlines_avx2(data, at, length, base, out, room);
    return fairlead_newlines_sse2(data, at, length, base, out, room);
}
#else
#define fairlead_newlines fairlead_newlines_words
#endif

#endif
