/* Arena's bot: see main.c for its options. */
#ifndef ARENA_BOT_H
#define ARENA_BOT_H

#include "arena.h"

struct bot {
    float seconds; /* to play; 0: no bot */
    int players;   /* the game begins when so many are there */
    float cut_from, cut_to; /* seconds, in which direct paths are cut */
    const char *shot;       /* file for a picture */

    int begun;
    float waited, played;
    uint32_t lines; /* said */
};

int bot_play(struct bot *b, struct arena *a, float seconds, float *ax, float *ay); /* 0: the game is over */
int bot_report(const struct bot *b, const struct arena *a); /* 0: every player met was heard, without a gap */

#endif
