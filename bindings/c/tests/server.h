/* Runs `musubi server` beside a test. */
#ifndef MUSUBI_TEST_SERVER_H
#define MUSUBI_TEST_SERVER_H

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

struct server {
    pid_t pid;
    int out;           /* its stdout, open as long as it runs */
    char data[64];     /* its directory, removed at the end */
    char address[512]; /* musubi://… */
};

/* Starts the program and waits for its address line. Ports are the system's choice. */
static inline struct server server_start(const char *program)
{
    struct server s;
    char line[600];
    size_t n = 0;
    int fds[2];

    memset(&s, 0, sizeof s);
    strcpy(s.data, "/tmp/musubi-test-XXXXXX");
    CHECK(mkdtemp(s.data) != NULL && pipe(fds) == 0);
    s.pid = fork();
    CHECK(s.pid >= 0);
    if (s.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind that holds its pipes open */
        dup2(fds[1], 1);
        close(fds[0]);
        execl(program, program, "server", "--listen", "127.0.0.1:0", "--stun-ports", "0,0", "--limits", "lab", "--data", s.data,
              (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    s.out = fds[0];
    while (n + 1 < sizeof line && read(s.out, &line[n], 1) == 1 && line[n] != '\n')
        n++;
    line[n] = 0;
    CHECK(sscanf(line, "address %511s", s.address) == 1);
    return s;
}

static inline void server_stop(struct server *s)
{
    char command[128];
    int status;

    kill(s->pid, SIGINT);
    waitpid(s->pid, &status, 0);
    close(s->out);
    snprintf(command, sizeof command, "rm -r '%s'", s->data);
    CHECK(system(command) == 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif
