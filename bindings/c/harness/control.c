#include "control.h"

#include <stdio.h>
#include <string.h>
#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <poll.h>
#include <unistd.h>
#endif

static char buffer[256];
static size_t have;
static char named[64];
static int closed;

/* Reads what is there, at most room bytes, without waiting. Returns how much, or -1 if nothing more will come. */
#ifdef _WIN32
static int read_some(char *to, size_t room)
{
    HANDLE in = GetStdHandle(STD_INPUT_HANDLE);
    DWORD waiting = 0, n = 0;

    if (!PeekNamedPipe(in, NULL, 0, NULL, &waiting, NULL)) /* not a pipe, or closed */
        return -1;
    if (waiting == 0)
        return 0;
    return ReadFile(in, to, waiting < room ? waiting : (DWORD)room, &n, NULL) ? (int)n : -1;
}
#else
static int read_some(char *to, size_t room)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    ssize_t n;

    if (poll(&in, 1, 0) <= 0)
        return 0;
    n = read(STDIN_FILENO, to, room);
    return n > 0 ? (int)n : -1;
}
#endif

static void fill(void)
{
    int n;

    if (closed || have == sizeof buffer)
        return;
    n = read_some(buffer + have, sizeof buffer - have);
    closed = n < 0;
    if (n > 0)
        have += (size_t)n;
}

/* Moves the first line into line, without its end. Returns 0 if there is no whole one. */
static int next_line(char *line)
{
    char *end = memchr(buffer, '\n', have);
    size_t length;

    if (end == NULL) {
        if (have == sizeof buffer)
            have = 0; /* no order is that long */
        return 0;
    }
    length = (size_t)(end - buffer);
    memcpy(line, buffer, length);
    line[length] = 0;
    have -= length + 1;
    memmove(buffer, end + 1, have);
    return 1;
}

enum order control_take(const char **word)
{
    static const struct {
        const char *name;
        enum order order;
    } plain[] = {{"enough", ORDER_ENOUGH}, {"changed", ORDER_CHANGED}, {"pause", ORDER_PAUSE}, {"resume", ORDER_RESUME}, {"phase", ORDER_PHASE}, {"wake", ORDER_WAKE}, {"stats", ORDER_STATS}};
    static const struct {
        const char *name;
        enum order order;
    } with_word[] = {{"join ", ORDER_JOIN}, {"suspend ", ORDER_SUSPEND}};
    char line[sizeof buffer];
    unsigned i;

    fill();
    while (next_line(line)) {
        for (i = 0; i < sizeof plain / sizeof *plain; i++)
            if (strcmp(line, plain[i].name) == 0)
                return plain[i].order;
        for (i = 0; i < sizeof with_word / sizeof *with_word; i++) {
            size_t length = strlen(with_word[i].name);

            if (strncmp(line, with_word[i].name, length) == 0 && strlen(line + length) < sizeof named) {
                *word = strcpy(named, line + length);
                return with_word[i].order;
            }
        }
        fprintf(stderr, "musubi_peer: no such order: %s\n", line);
    }
    return ORDER_NONE;
}
