/* Arena's bot:
 *   --bot SECONDS   plays by itself for at least so long and says what it saw; needs no window
 *   --players N     its game begins when so many are there (2)
 *   --cut N         N times (1) cuts its direct paths, waits until every route is relayed, lets them heal, waits until every
 *                   route is direct
 * All its bounds are for what hangs: what it waits for are events. */
#include "arena.h"

struct bot {
    float seconds; /* to play at least; 0: no bot */
    int players;
    int cuts; /* still to come */

    enum { MEETING, PLAYING_ON, CUT, HEALED, GOODBYE } stage;
    float played, waited; /* seconds: of the game; of the stage */
    uint32_t lines;       /* said */
    int direct, relayed;  /* times that every route was so, one after the other */
    int told_to_leave;
    char failed[2 * LINE];
};

extern const char bot_usage[];
int bot_option(struct bot *b, const char *word, const char *value); /* 0: no such option or value */
int bot_step(struct bot *b, struct arena *a, int wants); /* each tick, also for people; wants: to stay; 0: the game is over */
void bot_hears(struct player *p, const char *text);
int bot_report(const struct bot *b, const struct arena *a); /* the exit code; of a bot 0: every player met was heard to its last word, without a gap */
