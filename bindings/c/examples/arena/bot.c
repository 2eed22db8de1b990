/* A player for tests and for showing the network: runs to the nearest star and says a numbered line each half second. */
#include "bot.h"

#include <stdio.h>

static int met(const struct arena *a)
{
    int i, n = 0;

    for (i = 0; i < PLAYERS; i++)
        n += a->players[i].used && a->players[i].connected;
    return n;
}

static void run_to_a_star(const struct arena *a, float *ax, float *ay)
{
    const struct player *me = &a->players[0];
    float best = 1e9f;
    int i;

    for (i = 0; i < STARS; i++) {
        float dx = a->stars[i].x - me->x, dy = a->stars[i].y - me->y;

        float far = (dx * dx + dy * dy) * (1 + (float)((me->name[0] + i) % 3)); /* not all run to the same one */

        if (a->stars[i].version != 0 && far < best)
            best = far, *ax = dx, *ay = dy;
    }
}

int bot_play(struct bot *b, struct arena *a, float seconds, float *ax, float *ay)
{
    char text[32];
    float before = b->played;

    if (!b->begun) {
        b->begun = met(a) >= b->players;
        if ((b->waited += seconds) > 60)
            snprintf(a->ended, sizeof a->ended, "only %d players after a minute", met(a));
        return 1;
    }
    b->played += seconds;
    run_to_a_star(a, ax, ay);
    if (b->played < b->seconds - 2 && (int)(b->played * 2) != (int)(before * 2)) { /* the last two are for what is under way */
        snprintf(text, sizeof text, "line %u", (unsigned)++b->lines);
        arena_say(a, text);
    }
    if (b->cut_to > 0 && a->cut != (b->played >= b->cut_from && b->played < b->cut_to))
        arena_cut(a, !a->cut);
    if (b->shot != NULL && b->played > b->seconds / 2) {
        screen_save(b->shot);
        b->shot = NULL;
    }
    return b->played < b->seconds;
}

int bot_report(const struct bot *b, const struct arena *a)
{
    int i, n = 1, bad = 0;

    for (i = 1; i < PLAYERS; i++) {
        const struct player *p = &a->players[i];

        if (p->name[0] == 0)
            continue;
        n++;
        bad += p->gaps > 0 || p->lines == 0;
        printf("%s: %u lines, %u out of order, %u stars, %u changes of route\n", p->name, (unsigned)p->lines, (unsigned)p->gaps, p->score,
               (unsigned)p->stats.route_changes);
    }
    printf("%s: said %u lines, %u stars; routes seen: %d direct, %d relayed; %d players met%s%s\n", a->players[0].name, (unsigned)b->lines,
           a->players[0].score, a->direct, a->relayed, n, a->ended[0] ? "; ended: " : "", a->ended);
    return bad > 0 || n < b->players || a->ended[0] != 0;
}
