/* A player for tests and pictures: runs to the nearest star and says numbered lines. In the end each bot says how many lines it
 * said, and hears the same of the others before it leaves: whoever heard all of them in order has lost nothing. */
#include "bot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE 60.0f  /* seconds for any event */
#define CALM 2.0f       /* seconds on each route, for people who watch */
#define SAY_EVERY 0.75f /* seconds */

const char bot_usage[] = "[--bot SECONDS [--players 2..8] [--cut TIMES]]";

static const char *const phrases[] = {"hello!", "that one is mine", "catch me if you can", "nearly!", "no lag here", "wheee",
                                      "who put that star there?", "behind you", "too slow", "again!"};

int bot_option(struct bot *b, const char *word, const char *value)
{
    return (!strcmp(word, "--bot") && (b->seconds = (float)atof(value)) > 0) ||
           (!strcmp(word, "--players") && (b->players = atoi(value)) >= 2 && b->players <= PLAYERS) ||
           (!strcmp(word, "--cut") && (b->cuts = atoi(value)) > 0);
}

static int met(const struct arena *a)
{
    int i, n = 0;

    for (i = 0; i < PLAYERS; i++)
        n += a->players[i].used && a->players[i].connected;
    return n;
}

/* Whether every connection is direct (or relayed), and there is one. */
static int all_are(const struct arena *a, int direct)
{
    int i, n = 0;

    for (i = 1; i < PLAYERS; i++) {
        const struct player *p = &a->players[i];

        if (p->used && p->connected && ++n && (p->route > MUSUBI_ROUTE_RELAY) != direct)
            return 0;
    }
    return n > 0;
}

static void next(struct bot *b, int stage)
{
    b->stage = stage;
    b->waited = 0;
}

static int fail(struct bot *b, const char *what)
{
    snprintf(b->failed, sizeof b->failed, "%s", what);
    return 0;
}

static void steer(struct arena *a) /* to the nearest star */
{
    const struct player *me = &a->players[0];
    float best = 1e9f;
    int i;

    a->push_x = a->push_y = 0;
    for (i = 0; i < STARS; i++) {
        float dx = a->stars[i].x - me->x, dy = a->stars[i].y - me->y;
        float far = (dx * dx + dy * dy) * (1 + (float)((me->name[0] + i) % 3)); /* not all run to the same one */

        if (a->stars[i].x > 0 && far < best)
            best = far, a->push_x = dx / 30, a->push_y = dy / 30;
    }
}

void bot_hears(struct player *p, const char *text)
{
    unsigned number;

    if (sscanf(text, "%u:", &number) == 1 && ++p->lines != number)
        p->gaps++;
    if (sscanf(text, "Those were %u lines", &number) == 1) {
        p->bye = 1;
        p->gaps += p->lines != number;
    }
}

/* Whether nobody who has said something still has to say goodbye. */
static int all_said_goodbye(const struct arena *a)
{
    int i;

    for (i = 1; i < PLAYERS; i++)
        if (a->players[i].used && a->players[i].lines > 0 && !a->players[i].bye)
            return 0;
    return 1;
}

static void say(struct bot *b, struct arena *a, float seconds)
{
    char text[LINE];

    b->played += seconds;
    if ((int)(b->played / SAY_EVERY) == (int)((b->played - seconds) / SAY_EVERY))
        return;
    b->lines++;
    snprintf(text, sizeof text, "%u: %s", (unsigned)b->lines, phrases[(b->lines * 3 + (unsigned)a->players[0].name[0]) % (sizeof phrases / sizeof *phrases)]);
    net_say(a, text);
}

static int play(struct bot *b, struct arena *a)
{
    const float seconds = 1.0f / TICKS;
    int direct = all_are(a, 1), relayed = all_are(a, 0);
    char text[LINE];

    if (a->problem[0] != 0)
        return fail(b, a->problem);
    if ((b->waited += seconds) > PATIENCE && b->stage != PLAYING_ON)
        return fail(b, b->stage == MEETING ? "not enough players came within a minute" : b->stage == CUT ? "no relay took over within a minute" :
                       b->stage == HEALED ? "no direct path within a minute" : "not everybody said goodbye within a minute");
    b->direct += direct && b->direct == b->relayed, b->relayed += relayed && b->direct > b->relayed;
    if (b->stage != MEETING && b->stage != GOODBYE)
        say(b, a, seconds);
    switch (b->stage) {
    case MEETING:
        if (met(a) >= b->players)
            next(b, PLAYING_ON);
        return !b->told_to_leave;
    case PLAYING_ON:
        if (b->cuts > 0 && direct && b->waited > CALM)
            net_simulate(a, a->preset, 1), next(b, CUT);
        break;
    case CUT:
        if (relayed && b->waited > CALM)
            net_simulate(a, a->preset, 0), next(b, HEALED);
        break;
    case HEALED:
        if (direct)
            b->cuts--, next(b, PLAYING_ON);
        break;
    case GOODBYE:
        return !all_said_goodbye(a);
    }
    if (b->told_to_leave || (b->played > b->seconds && b->cuts == 0 && b->waited > CALM)) {
        next(b, GOODBYE);
        snprintf(text, sizeof text, "Those were %u lines, goodbye", (unsigned)b->lines);
        net_say(a, text);
    }
    return 1;
}

int bot_step(struct bot *b, struct arena *a, int wants)
{
    if (b->seconds > 0 || a->autopilot)
        steer(a);
    b->told_to_leave |= !wants;
    return b->seconds > 0 ? play(b, a) : wants;
}

int bot_report(const struct bot *b, const struct arena *a)
{
    int i, n = 1, bad = b->failed[0] != 0;

    if (b->seconds <= 0)
        return a->problem[0] != 0;
    for (i = 1; i < PLAYERS; i++) {
        const struct player *p = &a->players[i];

        if (p->name[0] == 0)
            continue;
        n++;
        bad += p->gaps > 0 || p->lines == 0 || !p->bye;
        printf("heard of %s: %u lines, %u lost or out of order%s\n", p->name, (unsigned)p->lines, (unsigned)p->gaps, p->bye ? "" : ", no goodbye");
    }
    printf("%s said %u lines, met %d; all routes were direct %d times, relayed %d times%s%s\n", a->players[0].name, (unsigned)b->lines, n - 1, b->direct,
           b->relayed, b->failed[0] ? "; failed: " : "", b->failed);
    return bad > 0 || n < b->players;
}
