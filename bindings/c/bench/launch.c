#include "launch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = 64 };

struct process {
    pid_t pid;
    FILE *out; /* its stdout, NULL: ours */
};

/* Starts a program; piped: its stdout is to be read; quiet: its stderr goes nowhere. */
static struct process start(const char *program, char **arguments, int piped, int quiet)
{
    struct process p = {-1, NULL};
    int fds[2] = {-1, -1};

    if (piped && pipe(fds) != 0)
        return p;
    fflush(stdout);
    p.pid = fork();
    if (p.pid == 0) {
        if (piped) {
            dup2(fds[1], 1);
            close(fds[0]);
            close(fds[1]);
        }
        if (quiet && freopen("/dev/null", "w", stderr) == NULL)
            _exit(127);
        execv(program, arguments);
        perror(program);
        _exit(127);
    }
    if (piped) {
        close(fds[1]);
        p.out = fdopen(fds[0], "r");
    }
    return p;
}

/* Waits for a process; returns its exit code. */
static int finish(struct process *p)
{
    int status = 0;

    if (p->out != NULL)
        fclose(p->out);
    if (p->pid <= 0 || waitpid(p->pid, &status, 0) != p->pid)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Reads a process's line that begins with key and copies what stands behind. */
static int read_line(struct process *p, const char *key, char *value, size_t size)
{
    char line[2048];
    size_t n = strlen(key);

    while (p->out != NULL && fgets(line, sizeof line, p->out) != NULL)
        if (strncmp(line, key, n) == 0) {
            line[strcspn(line, "\n")] = 0;
            if (strlen(line + n) >= size)
                return 0;
            strcpy(value, line + n);
            return 1;
        }
    return 0;
}

/* This program again, with two more arguments and the server. */
static struct process again(const char *self, int argc, char **argv, char *server, char *role, char *code, int piped)
{
    char *arguments[MOST_ARGUMENTS + 8];
    int i, n = 0;

    for (i = 0; i < argc && n < MOST_ARGUMENTS; i++)
        arguments[n++] = argv[i];
    arguments[n++] = "--server";
    arguments[n++] = server;
    arguments[n++] = role;
    if (code != NULL)
        arguments[n++] = code;
    arguments[n] = NULL;
    return start(self, arguments, piped, 0);
}

static double member(const char *line, const char *key)
{
    const char *at = strstr(line, key);

    return at != NULL ? atof(at + strlen(key)) : 0;
}

/* Reads a line of each member and prints the medians: a mesh's processes do all the same. */
static int print_mesh(struct process *members, uint32_t n)
{
    static const char *const keys[] = {"\"cpu_pct\":", "\"rss_MB\":", "\"unreliable_per_s\":", "\"reliable_per_s\":"};
    static double values[4][MOST_PEERS + 1];
    char line[LINE_SIZE];
    uint32_t i, k;

    for (i = 0; i < n; i++) {
        if (!read_line(&members[i], "{", line, sizeof line))
            return 0;
        for (k = 0; k < 4; k++)
            values[k][i] = member(line, keys[k]);
    }
    for (k = 0; k < 4; k++)
        sort_values(values[k], n);
    printf("{\"bench\":\"mesh\",\"lib\":\"musubi\",\"peers\":%u,\"cpu_pct\":%.2f,\"cpu_pct_max\":%.2f,\"rss_MB\":%.1f,\"rss_MB_max\":%.1f,"
           "\"unreliable_per_s\":%.0f,\"reliable_per_s\":%.0f}\n",
           n, values[0][n / 2], values[0][n - 1], values[1][n / 2], values[1][n - 1], values[2][n / 2], values[3][n / 2]);
    return 1;
}

static int ends(const struct options *o, const char *self, int argc, char **argv, char *server)
{
    static struct process members[MOST_PEERS + 1];
    char codes[MOST_FLOWS * CODE_SIZE];
    int mesh = strcmp(o->bench, "mesh") == 0, bad = 0;
    uint32_t i, n = mesh ? o->peers : 2;

    members[0] = again(self, argc, argv, server, "--host", NULL, 1);
    if (!read_line(&members[0], "code ", codes, sizeof codes)) {
        finish(&members[0]);
        return 1;
    }
    for (i = 1; i < n; i++)
        members[i] = again(self, argc, argv, server, "--join", codes, mesh);
    if (mesh && !print_mesh(members, n))
        bad = 1;
    for (i = n; i > 0; i--)
        bad = finish(&members[i - 1]) != 0 || bad;
    return bad;
}

int launch(const struct options *o, const char *self, int argc, char **argv)
{
    char data[] = "/tmp/musubi-bench-XXXXXX", address[600], command[64];
    char *arguments[] = {"musubi", "server", "--listen", "127.0.0.1:0", "--limits", "lab", "--data", data, NULL};
    struct process server;
    int bad;

    if (mkdtemp(data) == NULL)
        return 1;
    server = start(o->musubi, arguments, 1, 1);
    bad = !read_line(&server, "address ", address, sizeof address);
    if (bad)
        fprintf(stderr, "musubi_bench: no server came up: %s\n", o->musubi);
    bad = bad || ends(o, self, argc, argv, address);
    if (server.pid > 0)
        kill(server.pid, SIGINT);
    finish(&server);
    snprintf(command, sizeof command, "rm -r '%s'", data);
    return system(command) != 0 || bad;
}
