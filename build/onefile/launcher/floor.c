// Symbols that are newer than the floor of glibc 2.17, for objects that were compiled against a newer one.
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __GLIBC__

// getentropy(3), glibc 2.25.
int getentropy(void *buffer, size_t length) {
    if (length > 256) {
        errno = EIO;
        return -1;
    }
    for (char *next = buffer; length > 0;) {
        long got = syscall(SYS_getrandom, next, length, 0);
        if (got < 0 && errno != EINTR) return -1;
        if (got > 0) next += got, length -= (size_t)got;
    }
    return 0;
}
#endif
