# A second signal ends the process at once, whatever the interpreter is at.
#
# A handler written in Python runs only between two instructions of the main thread. A regular expression that goes astray in another
# thread keeps the interpreter's lock and lets none of them come, so the handler here is C: it may only do what signal-safety(7) allows.

cdef extern from *:
    """
    #include <errno.h>
    #include <signal.h>
    #include <string.h>
    #include <time.h>
    #include <unistd.h>

    static struct sigaction fairlead_before[NSIG];
    static volatile long long fairlead_first_ms, fairlead_patience_ms;

    static void fairlead_on_signal(int number) {
        int saved = errno;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        long long now_ms = now.tv_sec * 1000LL + now.tv_nsec / 1000000;
        if (fairlead_first_ms == 0)
            fairlead_first_ms = now_ms;
        else if (now_ms - fairlead_first_ms >= fairlead_patience_ms)
            _exit(128 + number);
        fairlead_before[number].sa_handler(number);
        errno = saved;
    }

    static int fairlead_watch_signal(int number) {
        struct sigaction action;
        if (number < 1 || number >= NSIG) {
            errno = EINVAL;
            return -1;
        }
        if (sigaction(number, NULL, &action) != 0)
            return -1;
        if ((action.sa_flags & SA_SIGINFO) || action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
            errno = EINVAL;
            return -1;
        }
        if (action.sa_handler == fairlead_on_signal)
            return 0;
        fairlead_before[number] = action;
        action.sa_handler = fairlead_on_signal;
        return sigaction(number, &action, NULL);
    }
    """
    long long fairlead_first_ms
    long long fairlead_patience_ms
    int fairlead_watch_signal(int number) nogil

from libc.errno cimport errno
import os


def end_at_second(numbers, int patience_ms):
    """Let any of these signals end the process with 128 + its number, if it comes `patience_ms` or more after the first of them.

    What comes sooner goes to the handlers that Python has for them, as the first does: `timeout` and terminals send a signal twice.
    ValueError where one has no handler; a handler that is set later takes the place of this.
    """
    global fairlead_first_ms, fairlead_patience_ms
    fairlead_first_ms, fairlead_patience_ms = 0, patience_ms
    for number in numbers:
        if fairlead_watch_signal(number) != 0:
            raise ValueError(f"signal {number}: {os.strerror(errno)}")
