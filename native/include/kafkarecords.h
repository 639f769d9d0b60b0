/* Lines of buffers as the records of a Kafka batch, plain or compressed by LZ4 in the same pass. Nothing here allocates. */
#ifndef FAIRLEAD_KAFKARECORDS_H
#define FAIRLEAD_KAFKARECORDS_H

#include <string.h>

#include "kafkaformat.h"
#include "kafkalz4.h"

/* Consecutive lines of one buffer, of which each becomes a record with the same key and headers. */
typedef struct {
    const unsigned char *data;
    int64_t size;
    const int64_t *ends; /* `count` of them: where each line's newline is */
    int64_t count;
    int64_t start;            /* of the first line */
    const unsigned char *key; /* as a record holds it, its length included */
    size_t key_size;
    const unsigned char *headers; /* likewise, their number included */
    size_t headers_size;
} fairlead_part;

typedef struct {
    int64_t records;
    int64_t bytes;
    size_t largest; /* bytes of one record */
} fairlead_measure;

/* What is behind a record's length: attributes, both deltas, key, value, headers. */
static inline size_t fairlead_body_size(const fairlead_part *part, size_t size, int64_t index) {
    return 2 + fairlead_varint_size((uint64_t)index) + part->key_size + fairlead_varint_size(size) + size + part->headers_size;
}

/* Returns 0, or -1 where the lines of a part do not follow each other within its data. */
static int fairlead_measure_parts(const fairlead_part *parts, size_t count, fairlead_measure *measure) {
    memset(measure, 0, sizeof *measure);
    for (const fairlead_part *part = parts; part < parts + count; part++) {
        int64_t begin = part->start;
        if (begin < 0)
            return -1;
        for (int64_t i = 0; i < part->count; i++) {
            int64_t end = part->ends[i];
            if (end < begin || end > part->size)
                return -1;
            size_t size = fairlead_body_size(part, (size_t)(end - begin), measure->records);
            size += fairlead_varint_size(size);
            if (size > measure->largest)
                measure->largest = size;
            measure->bytes += (int64_t)size;
            measure->records++;
            begin = end + 1;
        }
    }
    return 0;
}

static inline unsigned char *fairlead_put_record(unsigned char *at, const fairlead_part *part, const unsigned char *value, size_t size,
                                                 int64_t index) {
    at = fairlead_put_varint(at, fairlead_body_size(part, size, index));
    *at++ = 0; /* attributes: none are defined */
    *at++ = 0; /* milliseconds after the batch's timestamp */
    at = fairlead_put_varint(at, (uint64_t)index);
    memcpy(at, part->key, part->key_size);
    at = fairlead_put_varint(at + part->key_size, size);
    memcpy(at, value, size);
    memcpy(at + size, part->headers, part->headers_size);
    return at + size + part->headers_size;
}

/* An LZ4 frame under way: records gather in `scratch`, of a block and the largest record, and leave it as whole blocks. */
typedef struct {
    LZ4F_cctx *context;
    unsigned char *scratch;
    unsigned char *out;
    size_t room;
    size_t made;
} fairlead_frame;

/* Takes what a call of LZ4F said: bytes or an error. */
static inline int fairlead_made(fairlead_frame *frame, size_t got) {
    if (LZ4F_isError(got))
        return 0;
    frame->made += got;
    return 1;
}

#define FAIRLEAD_REST(frame) (frame)->out + (frame)->made, (frame)->room - (frame)->made

/* Compresses the whole blocks before `at`; returns where the next record goes, NULL on an error. */
static unsigned char *fairlead_compress_blocks(fairlead_frame *frame, unsigned char *at) {
    size_t size = (size_t)(at - frame->scratch), whole = size - size % FAIRLEAD_LZ4_BLOCK;
    if (!fairlead_made(frame, LZ4F_compressUpdate(frame->context, FAIRLEAD_REST(frame), frame->scratch, whole, NULL)))
        return NULL;
    memmove(frame->scratch, frame->scratch + whole, size - whole);
    return frame->scratch + size - whole;
}

/* Writes all records from `at` on, through a frame if there is one; returns where they end, NULL on an error of the frame. */
static unsigned char *fairlead_put_records(const fairlead_part *parts, size_t count, unsigned char *at, fairlead_frame *frame) {
    int64_t index = 0;
    for (const fairlead_part *part = parts; part < parts + count; part++) {
        int64_t begin = part->start;
        for (int64_t i = 0; i < part->count; i++) {
            at = fairlead_put_record(at, part, part->data + begin, (size_t)(part->ends[i] - begin), index++);
            begin = part->ends[i] + 1;
            if (frame && at - frame->scratch >= FAIRLEAD_LZ4_BLOCK && !(at = fairlead_compress_blocks(frame, at)))
                return NULL;
        }
    }
    return at;
}

/* Writes all records as one LZ4 frame into `frame->out`; returns its size, 0 on an error. */
static size_t fairlead_put_frame(const fairlead_part *parts, size_t count, fairlead_frame *frame, const LZ4F_preferences_t *preferences) {
    unsigned char *at;
    frame->made = 0;
    if (!fairlead_made(frame, LZ4F_compressBegin(frame->context, FAIRLEAD_REST(frame), preferences)) ||
        !(at = fairlead_put_records(parts, count, frame->scratch, frame)) ||
        !fairlead_made(frame, LZ4F_compressUpdate(frame->context, FAIRLEAD_REST(frame), frame->scratch, (size_t)(at - frame->scratch), NULL)) ||
        !fairlead_made(frame, LZ4F_compressEnd(frame->context, FAIRLEAD_REST(frame), NULL)))
        return 0;
    return frame->made;
}

#endif
