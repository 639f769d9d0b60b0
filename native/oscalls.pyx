# System calls that CPython does not offer on Linux: inotify(7), the birth time of statx(2), the child subreaper of prctl(2).
#
# pyinotify was the plan; it looks libc up with ctypes.util.find_library (which runs ldconfig or a compiler), needs
# asyncore, which Python 3.12 removed, and makes an object an event. This binding is smaller than the shims it would need.

from libc.errno cimport errno
from libc.stdint cimport int64_t, uint32_t, uint64_t
cdef extern from "<string.h>" nogil:
    size_t strnlen(const char *text, size_t limit)

import os

cdef extern from "<sys/inotify.h>" nogil:
    int inotify_init1(int flags)
    int inotify_add_watch(int fd, const char *path, uint32_t mask)
    int inotify_rm_watch(int fd, int wd)
    struct inotify_event:
        int wd
        uint32_t mask
        uint32_t cookie
        uint32_t len
    enum:
        _NONBLOCK "IN_NONBLOCK"
        _CLOEXEC "IN_CLOEXEC"
        _MODIFY "IN_MODIFY"
        _ATTRIB "IN_ATTRIB"
        _CLOSE_WRITE "IN_CLOSE_WRITE"
        _MOVED_FROM "IN_MOVED_FROM"
        _MOVED_TO "IN_MOVED_TO"
        _CREATE "IN_CREATE"
        _DELETE "IN_DELETE"
        _DELETE_SELF "IN_DELETE_SELF"
        _MOVE_SELF "IN_MOVE_SELF"
        _Q_OVERFLOW "IN_Q_OVERFLOW"
        _IGNORED "IN_IGNORED"
        _ISDIR "IN_ISDIR"
        _ONLYDIR "IN_ONLYDIR"
        _UNMOUNT "IN_UNMOUNT"

cdef extern from "<sys/prctl.h>" nogil:
    int prctl(int option, ...)
    enum:
        PR_SET_CHILD_SUBREAPER

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #include <sys/syscall.h>
    #include <unistd.h>

    /* The head of struct statx (linux/stat.h), spelled out: old glibc has neither the type nor the call. */
    struct fairlead_statx {
        uint32_t mask, blksize; uint64_t attributes; uint32_t nlink, uid, gid; uint16_t mode, pad0;
        uint64_t ino, size, blocks, attributes_mask;
        struct { int64_t sec; uint32_t nsec; int32_t pad; } atime, btime, ctime, mtime;
        uint32_t rdev_major, rdev_minor, dev_major, dev_minor; uint64_t spare[14];
    };
    #define FAIRLEAD_BTIME 0x800u
    #define FAIRLEAD_EMPTY_PATH 0x1000

    /* Nanoseconds since the epoch, 0 where the file system or the kernel keeps no birth time. */
    static int64_t fairlead_birth_ns(int fd) {
    #ifdef SYS_statx
        struct fairlead_statx s;
        memset(&s, 0, sizeof s);
        if (syscall(SYS_statx, fd, "", FAIRLEAD_EMPTY_PATH, FAIRLEAD_BTIME, &s) == 0 && (s.mask & FAIRLEAD_BTIME))
            return s.btime.sec * 1000000000LL + s.btime.nsec;
    #endif
        return 0;
    }
    """
    int64_t fairlead_birth_ns(int fd) nogil

IN_MODIFY = _MODIFY
IN_ATTRIB = _ATTRIB
IN_CLOSE_WRITE = _CLOSE_WRITE
IN_MOVED_FROM = _MOVED_FROM
IN_MOVED_TO = _MOVED_TO
IN_CREATE = _CREATE
IN_DELETE = _DELETE
IN_DELETE_SELF = _DELETE_SELF
IN_MOVE_SELF = _MOVE_SELF
IN_Q_OVERFLOW = _Q_OVERFLOW
IN_IGNORED = _IGNORED
IN_ISDIR = _ISDIR
IN_ONLYDIR = _ONLYDIR
IN_UNMOUNT = _UNMOUNT


def inotify_init():
    cdef int fd = inotify_init1(_NONBLOCK | _CLOEXEC)
    if fd < 0:
        raise OSError(errno, os.strerror(errno))
    return fd


def inotify_watch(int fd, path, uint32_t mask):
    cdef bytes name = os.fsencode(path)
    cdef const char *pointer = name
    cdef int wd
    with nogil:
        wd = inotify_add_watch(fd, pointer, mask)
    if wd < 0:
        raise OSError(errno, os.strerror(errno), os.fsdecode(name))
    return wd


def inotify_unwatch(int fd, int wd):
    if inotify_rm_watch(fd, wd) < 0:
        raise OSError(errno, os.strerror(errno))


def inotify_parse(bytes data not None):
    cdef const char *start = data
    cdef Py_ssize_t size = len(data), at = 0
    cdef const inotify_event *event
    cdef const char *name
    events = []
    while at + <Py_ssize_t>sizeof(inotify_event) <= size:
        event = <const inotify_event *>(start + at)
        at += sizeof(inotify_event)
        if at + <Py_ssize_t>event.len > size:
            break
        name = start + at
        events.append((event.wd, event.mask, event.cookie, name[:strnlen(name, event.len)]))
        at += event.len
    return events


def birth_ns(int fd):
    return fairlead_birth_ns(fd)


def adopt_orphans():
    return prctl(PR_SET_CHILD_SUBREAPER, <unsigned long>1, <unsigned long>0, <unsigned long>0, <unsigned long>0) == 0
