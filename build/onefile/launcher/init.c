// Being process 1, as in a container: the kernel gives it every orphan to reap and shields it from signals that it does not handle.
// So the program runs as its child, and process 1 does only what is asked of one: pass signals on, reap, end as the program ended.
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

static void reap(pid_t program) {
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == program) _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void run_as_child_of_process_1(void) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    pid_t program = fork();
    if (program <= 0) {  // the program; or no fork is to be had, and it runs as process 1 itself
        sigprocmask(SIG_SETMASK, &before, NULL);
        return;
    }
    for (;;) {
        siginfo_t info;
        int number = sigwaitinfo(&all, &info);
        if (number == SIGCHLD) reap(program);
        // What the terminal sends (Ctrl-C) reaches the whole group, the program included.
        else if (number > 0 && info.si_code != SI_KERNEL) kill(program, number);
    }
}
