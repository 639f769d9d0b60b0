"""Kafka's record batches, format v2: built from lines in buffers without an object a record, sealed, counted, parsed.

Twin and specification: src/fairlead/_native/kafkabatch_pure.py. Format: https://kafka.apache.org/documentation/#recordbatch
"""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_READ, PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport INT32_MAX, INT64_MAX, INT64_MIN, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memset

import zlib

from fairlead._native.compress import lz4_decompress, zstd_decompress

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX
    object PyMemoryView_FromMemory(char *at, Py_ssize_t size, int flags)

cdef extern from "crc32c.h":
    void fairlead_crc32c_prepare()
    uint32_t fairlead_crc32c(uint32_t value, const unsigned char *at, size_t size) nogil

cdef extern from "zstd.h":
    unsigned ZSTD_isError(size_t code)
    size_t ZSTD_compressBound(size_t size)
    size_t ZSTD_compress(void *out, size_t room, const void *data, size_t size, int level) nogil

cdef extern from "kafkalz4.h":
    ctypedef struct LZ4F_preferences_t:
        unsigned autoFlush
    ctypedef struct LZ4F_cctx:
        pass
    const unsigned LZ4F_VERSION
    const size_t LZ4F_HEADER_SIZE_MAX, FAIRLEAD_LZ4_BLOCK
    LZ4F_preferences_t fairlead_lz4_preferences(int level)
    unsigned LZ4F_isError(size_t code)
    size_t LZ4F_compressBound(size_t size, const LZ4F_preferences_t *preferences)
    size_t LZ4F_createCompressionContext(LZ4F_cctx **context, unsigned version)
    size_t LZ4F_freeCompressionContext(LZ4F_cctx *context)

cdef extern from "kafkaformat.h" nogil:
    enum:
        BASE_OFFSET "FAIRLEAD_BASE_OFFSET"
        LENGTH "FAIRLEAD_LENGTH"
        LEADER_EPOCH "FAIRLEAD_LEADER_EPOCH"
        MAGIC "FAIRLEAD_MAGIC"
        CRC "FAIRLEAD_CRC"
        ATTRIBUTES "FAIRLEAD_ATTRIBUTES"
        LAST_OFFSET_DELTA "FAIRLEAD_LAST_OFFSET_DELTA"
        BASE_TIMESTAMP "FAIRLEAD_BASE_TIMESTAMP"
        MAX_TIMESTAMP "FAIRLEAD_MAX_TIMESTAMP"
        PRODUCER_ID "FAIRLEAD_PRODUCER_ID"
        PRODUCER_EPOCH "FAIRLEAD_PRODUCER_EPOCH"
        BASE_SEQUENCE "FAIRLEAD_BASE_SEQUENCE"
        COUNT "FAIRLEAD_COUNT"
        HEADER "FAIRLEAD_HEADER"
        SMALLEST_RECORD "FAIRLEAD_SMALLEST_RECORD"
        NONE "FAIRLEAD_NONE"
        GZIP "FAIRLEAD_GZIP"
        SNAPPY "FAIRLEAD_SNAPPY"
        LZ4 "FAIRLEAD_LZ4"
        ZSTD "FAIRLEAD_ZSTD"
        CODEC_MASK "FAIRLEAD_CODEC_MASK"
        LOG_APPEND_TIME "FAIRLEAD_LOG_APPEND_TIME"
        CONTROL "FAIRLEAD_CONTROL"
    ctypedef struct fairlead_cursor:
        const unsigned char *at
        const unsigned char *end
        bint broken
    void fairlead_store(unsigned char *at, int64_t value, int size)
    int64_t fairlead_load(const unsigned char *at, int size)
    unsigned char *fairlead_put_varint(unsigned char *at, uint64_t number)
    int64_t fairlead_get_varint(fairlead_cursor *cursor, int64_t least, int64_t most)
    const unsigned char *fairlead_get_bytes(fairlead_cursor *cursor, int64_t size)
    int64_t fairlead_add(fairlead_cursor *cursor, int64_t base, int64_t delta)

cdef extern from "kafkarecords.h" nogil:
    ctypedef struct fairlead_part:
        const unsigned char *data
        int64_t size
        const int64_t *ends
        int64_t count
        int64_t start
        const unsigned char *key
        size_t key_size
        const unsigned char *headers
        size_t headers_size
    ctypedef struct fairlead_measure:
        int64_t records
        int64_t bytes
        size_t largest
    ctypedef struct fairlead_frame:
        LZ4F_cctx *context
        unsigned char *scratch
        unsigned char *out
        size_t room
    int fairlead_measure_parts(const fairlead_part *parts, size_t count, fairlead_measure *measure)
    unsigned char *fairlead_put_records(const fairlead_part *parts, size_t count, unsigned char *at, fairlead_frame *frame)
    size_t fairlead_put_frame(
        const fairlead_part *parts, size_t count, fairlead_frame *frame, const LZ4F_preferences_t *preferences
    )

cdef enum:
    MOST_BYTES = 1 << 30  # of the records of one batch; Kafka's own lengths end at 2 GiB

fairlead_crc32c_prepare()


cdef class _Bytes:
    """The bytes of a buffer, held."""

    cdef Py_buffer view
    cdef unsigned char *at
    cdef Py_ssize_t size

    def __cinit__(self, data, bint writable=False):
        PyObject_GetBuffer(data, &self.view, PyBUF_WRITABLE if writable else PyBUF_SIMPLE)
        self.at = <unsigned char *>self.view.buf
        self.size = self.view.len

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


cdef bytes _varint(uint64_t number):
    cdef unsigned char out[10]
    return PyBytes_FromStringAndSize(<char *>out, fairlead_put_varint(out, number) - out)


cdef bytes _sized(bytes data):
    """Return bytes as a record holds them: behind their length, which is -1 for None (1 in zigzag form)."""
    return b"\x01" if data is None else _varint(len(data)) + data


cdef bytes _encoded(tuple headers):
    cdef bytes name, value
    cdef list pieces = [_varint(len(headers))]
    for name, value in headers:
        if name is None:
            raise TypeError("the name of a header is None")
        pieces += (_sized(name), _sized(value))
    return b"".join(pieces)


cdef bint _is_int64(const Py_buffer *view) noexcept:
    cdef const char *code = view.format
    if view.ndim != 1 or view.itemsize != 8 or code is NULL:
        return False
    if code[0] == c"@" or code[0] == c"=":
        code += 1
    return (code[0] == c"q" or code[0] == c"l") and code[1] == 0


cdef class _Parts:
    """The parts of a batch and all that they point to, held."""

    cdef fairlead_part *parts
    cdef Py_buffer *views
    cdef Py_ssize_t count, held
    cdef list kept

    def __cinit__(self, parts):
        parts = tuple(parts)
        self.kept = []
        self.parts = <fairlead_part *>calloc(len(parts) + 1, sizeof(fairlead_part))
        self.views = <Py_buffer *>calloc(2 * len(parts) + 1, sizeof(Py_buffer))
        if self.parts is NULL or self.views is NULL:
            raise MemoryError()
        for key, headers, data, start, ends, first, count in parts:
            self.add(key, headers, data, start, ends, first, count)

    def __dealloc__(self):
        for i in range(self.held):
            PyBuffer_Release(&self.views[i])
        free(self.views)
        free(self.parts)

    cdef Py_buffer *hold(self, data, int flags) except NULL:
        cdef Py_buffer *view = &self.views[self.held]
        PyObject_GetBuffer(data, view, flags)
        self.held += 1
        return view

    cdef int add(self, bytes key, tuple headers, data, int64_t start, ends, int64_t first, int64_t count) except -1:
        cdef fairlead_part *part = &self.parts[self.count]
        cdef const Py_buffer *bytes_of = self.hold(data, PyBUF_SIMPLE)
        cdef const Py_buffer *offsets = self.hold(ends, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
        cdef bytes framed_key = _sized(key), framed_headers = _encoded(headers)
        if not _is_int64(offsets):
            raise ValueError("ends is not an array of 'q'")
        if first < 0 or count < 0 or first > offsets.shape[0] or count > offsets.shape[0] - first:
            raise ValueError("first and count lie outside of ends")
        part.data, part.size = <const unsigned char *>bytes_of.buf, bytes_of.len
        part.ends, part.count, part.start = <const int64_t *>offsets.buf + first, count, start
        part.key, part.key_size = <const unsigned char *>PyBytes_AS_STRING(framed_key), PyBytes_GET_SIZE(framed_key)
        part.headers, part.headers_size = <const unsigned char *>PyBytes_AS_STRING(framed_headers), PyBytes_GET_SIZE(framed_headers)
        self.kept += (framed_key, framed_headers)
        self.count += 1
        return 0


cdef bytearray _plain(_Parts held, const fairlead_measure *measure):
    cdef bytearray batch = PyByteArray_FromStringAndSize(NULL, HEADER + measure.bytes)
    cdef unsigned char *out = <unsigned char *>PyByteArray_AS_STRING(batch) + HEADER
    with nogil:
        fairlead_put_records(held.parts, held.count, out, NULL)
    return batch


cdef bytearray _lz4(_Parts held, const fairlead_measure *measure, int level):
    cdef LZ4F_preferences_t preferences = fairlead_lz4_preferences(level)
    cdef fairlead_frame frame
    cdef bytearray batch
    cdef size_t made
    preferences.autoFlush = 1  # blocks go in whole, so LZ4F need not keep a part of one
    memset(&frame, 0, sizeof(frame))
    frame.room = LZ4F_HEADER_SIZE_MAX + LZ4F_compressBound(measure.bytes, &preferences)
    batch = PyByteArray_FromStringAndSize(NULL, HEADER + frame.room)
    frame.out = <unsigned char *>PyByteArray_AS_STRING(batch) + HEADER
    try:
        frame.scratch = <unsigned char *>malloc(FAIRLEAD_LZ4_BLOCK + measure.largest)
        if frame.scratch is NULL or LZ4F_isError(LZ4F_createCompressionContext(&frame.context, LZ4F_VERSION)):
            raise MemoryError()
        with nogil:
            made = fairlead_put_frame(held.parts, held.count, &frame, &preferences)
    finally:
        LZ4F_freeCompressionContext(frame.context)
        free(frame.scratch)
    if made == 0:
        raise MemoryError()  # the room is the bound: there is no other error
    PyByteArray_Resize(batch, HEADER + made)
    return batch


cdef bytearray _zstd(_Parts held, const fairlead_measure *measure, int level):
    cdef size_t size = measure.bytes, room = ZSTD_compressBound(size), made
    cdef bytearray batch = PyByteArray_FromStringAndSize(NULL, HEADER + room)
    cdef unsigned char *out = <unsigned char *>PyByteArray_AS_STRING(batch) + HEADER
    cdef unsigned char *scratch = <unsigned char *>malloc(size)
    if scratch is NULL:
        raise MemoryError()
    with nogil:
        fairlead_put_records(held.parts, held.count, scratch, NULL)
        made = ZSTD_compress(out, room, scratch, size, level)
        free(scratch)
    if ZSTD_isError(made):
        raise MemoryError()  # likewise
    PyByteArray_Resize(batch, HEADER + made)
    return batch


def build(parts, int64_t timestamp_ms, int compression, int level=0):
    cdef _Parts held = _Parts(parts)
    cdef fairlead_measure measure
    cdef bytearray batch
    cdef unsigned char *header
    cdef int broken
    with nogil:
        broken = fairlead_measure_parts(held.parts, held.count, &measure)
    if broken:
        raise ValueError("the ends of a part do not ascend from its start within its data")
    if measure.records == 0:
        raise ValueError("a batch holds at least one record")
    if measure.bytes > MOST_BYTES:
        raise ValueError(f"records of {measure.bytes} bytes: a batch takes {MOST_BYTES}")
    if compression == NONE:
        batch = _plain(held, &measure)
    elif compression == LZ4:
        batch = _lz4(held, &measure, level)
    elif compression == ZSTD:
        batch = _zstd(held, &measure, level)
    else:
        raise ValueError(f"compression {compression} is none of 0 (none), 3 (lz4), 4 (zstd)")
    header = <unsigned char *>PyByteArray_AS_STRING(batch)
    memset(header, 0, HEADER)
    fairlead_store(header + LENGTH, len(batch) - LEADER_EPOCH, 4)
    fairlead_store(header + LEADER_EPOCH, -1, 4)
    header[MAGIC] = 2
    fairlead_store(header + ATTRIBUTES, compression, 2)
    fairlead_store(header + LAST_OFFSET_DELTA, measure.records - 1, 4)
    fairlead_store(header + BASE_TIMESTAMP, timestamp_ms, 8)
    fairlead_store(header + MAX_TIMESTAMP, timestamp_ms, 8)
    _store_producer(header, -1, -1, -1)
    fairlead_store(header + COUNT, measure.records, 4)
    return batch


cdef void _store_producer(unsigned char *header, int64_t producer_id, int producer_epoch, int base_sequence) noexcept:
    fairlead_store(header + PRODUCER_ID, producer_id, 8)
    fairlead_store(header + PRODUCER_EPOCH, producer_epoch, 2)
    fairlead_store(header + BASE_SEQUENCE, base_sequence, 4)


cdef int _check_one(_Bytes batch) except -1:
    if batch.size < HEADER or batch.at[MAGIC] != 2 or fairlead_load(batch.at + LENGTH, 4) != batch.size - LEADER_EPOCH:
        raise ValueError("not one record batch of format v2")
    return 0


def seal(bytearray batch not None, int64_t producer_id, short producer_epoch, int base_sequence):
    cdef _Bytes held = _Bytes(batch, True)
    cdef uint32_t crc
    _check_one(held)
    _store_producer(held.at, producer_id, producer_epoch, base_sequence)
    with nogil:
        crc = fairlead_crc32c(0, held.at + ATTRIBUTES, held.size - ATTRIBUTES)
    fairlead_store(held.at + CRC, crc, 4)


def count(batch):
    cdef _Bytes held = _Bytes(batch)
    _check_one(held)
    return fairlead_load(held.at + COUNT, 4)


cdef object _broken(Py_ssize_t position, str what):
    return ValueError(f"record batch at byte {position} {what}")


cdef object _object(const unsigned char *at, int64_t size):
    return None if size < 0 else PyBytes_FromStringAndSize(<const char *>at, size)


cdef tuple _headers(fairlead_cursor *cursor):
    """Read all that is left of a record; None where it is broken."""
    cdef const unsigned char *name
    cdef const unsigned char *value
    cdef int64_t name_size, value_size, count = fairlead_get_varint(cursor, 0, (cursor.end - cursor.at) // 2)
    cdef list headers = []
    for _ in range(count):
        name_size = fairlead_get_varint(cursor, 0, INT32_MAX)
        name = fairlead_get_bytes(cursor, name_size)
        value_size = fairlead_get_varint(cursor, -1, INT32_MAX)
        value = fairlead_get_bytes(cursor, value_size)
        if cursor.broken:
            return None
        headers.append((_object(name, name_size), _object(value, value_size)))
    return None if cursor.broken or cursor.at != cursor.end else tuple(headers)


cdef bint _same(const unsigned char *a, int64_t a_size, const unsigned char *b, int64_t b_size) noexcept:
    return a_size == b_size and (a_size <= 0 or memcmp(a, b, a_size) == 0)


cdef int _append(list records, const unsigned char *header, Py_ssize_t position, const unsigned char *at, size_t size) except -1:
    """Append the records of one batch. Neighbours mostly share key and headers: the same bytes become the same objects."""
    cdef fairlead_cursor batch, record
    cdef const unsigned char *key_at = NULL
    cdef const unsigned char *headers_at = NULL
    cdef const unsigned char *value_at
    cdef int64_t key_size = -1, headers_size = -1, value_size, new_size, timestamp, offset
    cdef int64_t base_offset = fairlead_load(header + BASE_OFFSET, 8), base_timestamp = fairlead_load(header + BASE_TIMESTAMP, 8)
    cdef bint append_time = fairlead_load(header + ATTRIBUTES, 2) & LOG_APPEND_TIME
    cdef object key = None
    cdef tuple headers = None
    batch.at, batch.end, batch.broken = at, at + size, False
    for _ in range(fairlead_load(header + COUNT, 4)):
        record.at = fairlead_get_bytes(&batch, fairlead_get_varint(&batch, SMALLEST_RECORD - 1, INT32_MAX))
        record.end, record.broken = batch.at, batch.broken
        fairlead_get_bytes(&record, 1)  # attributes: none are defined
        timestamp = fairlead_add(&record, base_timestamp, fairlead_get_varint(&record, INT64_MIN, INT64_MAX))
        offset = fairlead_add(&record, base_offset, fairlead_get_varint(&record, 0, INT32_MAX))
        new_size = fairlead_get_varint(&record, -1, INT32_MAX)
        at = fairlead_get_bytes(&record, new_size)
        if not record.broken and not _same(at, new_size, key_at, key_size):
            key_at, key_size, key = at, new_size, _object(at, new_size)
        value_size = fairlead_get_varint(&record, -1, INT32_MAX)
        value_at = fairlead_get_bytes(&record, value_size)
        if not record.broken and not _same(record.at, record.end - record.at, headers_at, headers_size):
            headers_at, headers_size, headers = record.at, record.end - record.at, _headers(&record)
        if record.broken or headers is None:
            raise _broken(position, "holds a broken record")
        if append_time:
            timestamp = fairlead_load(header + MAX_TIMESTAMP, 8)
        records.append((offset, timestamp, key, _object(value_at, value_size), headers))
    if batch.at != batch.end:
        raise _broken(position, "is longer than its records")
    return 0


cdef bytes _gunzip(section, Py_ssize_t limit):
    decompressor = zlib.decompressobj(wbits=31)
    try:
        data = decompressor.decompress(section, min(limit, PY_SSIZE_T_MAX - 1) + 1)
    except zlib.error as error:
        raise ValueError("gzip data is corrupt") from error
    if len(data) > limit:
        raise ValueError(f"gzip data holds more than {limit} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise ValueError("gzip data is cut or corrupt")
    return data


cdef bytes _decompressed(int codec, Py_ssize_t position, const unsigned char *at, Py_ssize_t size, Py_ssize_t limit):
    section = PyMemoryView_FromMemory(<char *>at, size, PyBUF_READ)
    try:
        if codec == GZIP:
            return _gunzip(section, limit)
        if codec == LZ4:
            return lz4_decompress(section, limit)
        if codec == ZSTD:
            return zstd_decompress(section, limit)
    except ValueError as error:
        raise _broken(position, f"cannot be decompressed: {error}") from error
    if codec == SNAPPY:
        raise _broken(position, "is compressed by snappy, which is not read")
    raise _broken(position, f"is compressed by codec {codec}, which is not known")


cdef Py_ssize_t _whole(_Bytes data, Py_ssize_t position) except -1:
    """Return the size of the batch at a position; 0 where it is cut, or there is none."""
    cdef const unsigned char *at = data.at + position
    cdef Py_ssize_t left = data.size - position, size
    if left > MAGIC and at[MAGIC] != 2:
        raise _broken(position, f"is of format v{at[MAGIC]}, not v2")
    if left <= MAGIC:
        return 0
    size = LEADER_EPOCH + fairlead_load(at + LENGTH, 4)
    if size < HEADER:
        raise _broken(position, "is shorter than its header")
    return size if size <= left else 0


cdef int _check_crc(const unsigned char *at, Py_ssize_t position, Py_ssize_t size) except -1:
    cdef uint32_t crc
    with nogil:
        crc = fairlead_crc32c(0, at + ATTRIBUTES, size - ATTRIBUTES)
    if crc != <uint32_t>fairlead_load(at + CRC, 4):
        raise _broken(position, "does not match its CRC")
    return 0


def parse(data, Py_ssize_t limit):
    cdef _Bytes held = _Bytes(data)
    cdef const unsigned char *header
    cdef const unsigned char *at
    cdef Py_ssize_t begin, position = 0, size
    cdef int64_t attributes, number
    cdef bytes section
    cdef list records = []
    if limit < 0:
        raise ValueError("limit is negative")
    while size := _whole(held, position):
        begin, header, position = position, held.at + position, position + size
        _check_crc(header, begin, size)
        attributes = fairlead_load(header + ATTRIBUTES, 2)
        if attributes & CONTROL:
            continue
        at, size = header + HEADER, size - HEADER
        if attributes & CODEC_MASK:
            section = _decompressed(attributes & CODEC_MASK, begin, at, size, limit)
            at, size = section, len(section)
        if size > limit:
            raise _broken(begin, f"holds more than {limit} bytes")
        number = fairlead_load(header + COUNT, 4)
        if not 0 <= number <= size // SMALLEST_RECORD:
            raise _broken(begin, f"cannot hold {number} records")
        _append(records, header, begin, at, size)
        limit -= size
    return records


def next_offset(data):
    cdef _Bytes held = _Bytes(data)
    cdef fairlead_cursor sum
    cdef Py_ssize_t position = 0, size
    cdef int64_t offset = -1
    sum.broken = False
    while size := _whole(held, position):
        offset = fairlead_add(&sum, fairlead_load(held.at + position, 8), 1 + fairlead_load(held.at + position + LAST_OFFSET_DELTA, 4))
        if sum.broken or offset < 0:
            raise _broken(position, "has no valid offset")
        position += size
    return offset
