/* Arena:  arena SERVER          makes a room and shows its code
 *         arena SERVER CODE     enters that room
 *   --name NAME
 *   --bot SECONDS      plays by itself for so long and says what it saw; needs no window
 *   --players N        a bot's game begins when so many are there (2)
 *   --cut FROM-TO      seconds of a bot's game in which direct paths are cut
 *   --shot FILE        a picture (BMP) in the middle of a bot's game, if there is a window */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bot.h"

struct options {
    const char *server, *code, *name;
};

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int usage(const char *what, const char *value)
{
    fprintf(stderr, "arena: %s%s\nusage: arena musubi://... [CODE] [--name NAME]\n"
                    "       [--bot SECONDS [--players 2..8] [--cut FROM-TO] [--shot FILE]]\n", what, value);
    return 2;
}

static int parse(struct options *o, struct bot *b, int argc, char **argv)
{
    int i;

    for (i = 1; i < argc; i++) {
        const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (word[0] != '-' && (o->server == NULL || o->code == NULL))
            *(o->server == NULL ? &o->server : &o->code) = word;
        else if (word[0] != '-' || value == NULL)
            return usage(word[0] != '-' ? "one word too many: " : "no value behind ", word);
        else if (++i, !strcmp(word, "--name"))
            o->name = value;
        else if (!strcmp(word, "--shot"))
            b->shot = value;
        else if (!(!strcmp(word, "--bot") && (b->seconds = (float)atof(value)) > 0) &&
                 !(!strcmp(word, "--players") && (b->players = atoi(value)) >= 2 && b->players <= PLAYERS) &&
                 !(!strcmp(word, "--cut") && sscanf(value, "%f-%f", &b->cut_from, &b->cut_to) == 2))
            return usage("no such option, or no such value: ", word);
    }
    return o->server == NULL ? usage("the server's address is missing", "") : 0;
}

int main(int argc, char **argv)
{
    struct options o = {.name = "you"};
    struct bot bot = {.players = 2};
    static struct arena a;
    double last = seconds();
    int window, told = 0, result = parse(&o, &bot, argc, argv);
    float ax = 0, ay = 0;

    if (result != 0)
        return result;
    srand((unsigned)(last * 1000) ^ (unsigned)(uintptr_t)&a);
    result = arena_open(&a, o.server, o.code, o.name);
    if (result != MUSUBI_OK)
        return usage("", musubi_strerror(result));
    window = screen_open() == 0;
    if (!window && bot.seconds == 0)
        snprintf(a.ended, sizeof a.ended, "no window can be opened here; --bot SECONDS plays without one");
    while (a.ended[0] == 0) {
        double now = seconds(), frame = now - last;

        last = now;
        if (a.code[0] != 0 && !told && (told = 1))
            printf("room %s\n", a.code), fflush(stdout);
        if (window && !screen_input(&a, &ax, &ay))
            break;
        if (bot.seconds > 0 && !bot_play(&bot, &a, (float)frame, &ax, &ay))
            break;
        arena_step(&a, (float)frame, ax, ay);
        if (window)
            screen_draw(&a);
        musubi_wait(a.client, 8); /* nothing to do until something comes, or the next frame */
    }
    if (a.ended[0] != 0)
        fprintf(stderr, "arena: %s\n", a.ended);
    result = bot.seconds > 0 ? bot_report(&bot, &a) : a.ended[0] != 0;
    arena_close(&a);
    if (window)
        screen_close();
    return result;
}
