/* Arena:  arena SERVER          asks for a join code, or makes a room
 *         arena SERVER CODE     enters that room; "new": makes one
 *   --name NAME   --window WIDTHxHEIGHT+X+Y (where on the screen)   and see bot.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bot.h"

static double seconds(void)
{
    struct timespec t;

    return clock_gettime(CLOCK_MONOTONIC, &t), (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int usage(const char *what, const char *value)
{
    return fprintf(stderr, "arena: %s%s\nusage: arena 'musubi://...' [CODE|new] [--name NAME] [--window WIDTHxHEIGHT+X+Y]\n       %s\n", what, value, bot_usage), 2;
}

int main(int argc, char **argv)
{
    const char *words[2] = {NULL, ""}, *name = "player", *place = "960x540"; /* words: server, code */
    struct bot bot = {.players = 2};
    static struct arena a;
    double past = seconds(), now;
    int i, n = 0, window, wants = 1, stays = 1; /* wants: to stay */

    for (i = 1; i < argc; i++) {
        if (argv[i][0] != '-' && n < 2)
            words[n++] = argv[i];
        else if (argv[i][0] != '-' || argv[i + 1] == NULL)
            return usage(argv[i][0] != '-' ? "unexpected argument: " : "missing value after ", argv[i]);
        else if (i++, !strcmp(argv[i - 1], "--name"))
            name = argv[i];
        else if (!strcmp(argv[i - 1], "--window"))
            place = argv[i];
        else if (!bot_option(&bot, argv[i - 1], argv[i]))
            return usage("no such option, or no such value: ", argv[i - 1]);
    }
    if (n == 0)
        return usage("the server's address is missing", "");
    srand((unsigned)(past * 1e6));
    window = paint_open(place);
    if (!window && bot.seconds == 0)
        return fprintf(stderr, "arena: can't open a window (was it built without SDL 2, or is there no display?); --bot SECONDS plays without one\n"), 1;
    net_open(&a, words[0], name);
    if (a.stage == MENU && (n == 2 || bot.seconds > 0))
        net_enter(&a, strcmp(words[1], "new") ? words[1] : "");
    while (stays) {
        wants = wants && screen_input(&a);
        for (now = seconds(), past = now - past > 1 ? now : past; past < now && stays; past += 1.0 / TICKS) {
            stays = bot_step(&bot, &a, wants);
            net_step(&a);
            world_step(&a);
        }
        musubi_flush(a.client);
        if (window)
            screen_draw(&a);
        if (musubi_wait(a.client, 1000 / TICKS) < 0) /* until something comes, at most to the next frame */
            nanosleep(&(struct timespec){.tv_nsec = 1000000000 / TICKS}, NULL);
    }
    i = bot_report(&bot, &a);
    musubi_destroy(a.client); /* delivers what was sent, leaves the room, says goodbye */
    paint_close();
    return i;
}
