/* Arena: two to eight players run for stars; whoever has ten first wins the round. net.c is their network, world.c the rules,
 * screen.c what a person sees and presses, paint.c how that becomes pixels, bot.c a player for tests. */
#pragma once
#include <musubi.h>
#include <stdint.h>

enum {
    PLAYERS = 8, STARS = 5, GOAL = 10, /* stars that win a round */
    WIDTH = 960, HEIGHT = 540, RADIUS = 16, /* of the arena and of a player, in units: pixels of a window of that size */
    TICKS = 60, /* a second: the steps in which time passes */
    TRAIL = 12, GRAPH = 60, /* places where a player was, 2 ticks apart; round trips, 12 ticks apart; the newest first */
    NAME = 16, LINE = 100, LINES = 5 /* of the chat */
};
enum { STATE, STAR, WORDS }; /* channels: world.c's unreliable and reliable messages, the chat */

struct player {
    musubi_peer peer; /* 0: this one, or a free place */
    int used, connected, colour, score; /* connected: messages may be sent */
    char name[NAME];
    float x, y, vx, vy; /* units, units a second; of others: what they said last, moved on since */
    float at_x, at_y;   /* where it is drawn: follows softly, so that a late message is no jump */
    float trail[TRAIL][2];
    uint32_t route; /* MUSUBI_ROUTE_ */
    musubi_stats stats;
    struct { float ms; uint32_t route; } graph[GRAPH];
    unsigned lines, gaps, bye; /* of a bot */
};

struct arena {
    musubi_client client;
    enum { MENU, ENTERING, PLAYING, OVER } stage;
    unsigned tick, banner_born;
    struct player players[PLAYERS]; /* the first is this one */
    struct { float x, y, old_x, old_y; unsigned born; } stars[STARS]; /* born: the tick when it came from the old place */
    int owner; /* of the room: this client says where stars are, and who took one */
    char code[20], banner[LINE], problem[2 * LINE], advice[LINE]; /* what went wrong, and what to do about it */
    struct { int who; unsigned born; char text[LINE]; } chat[LINES]; /* who: of players; the newest last */
    int preset, cut, dash, autopilot; /* preset, cut: network simulator */
    float push_x, push_y; /* what the player wants: -1 to 1 */
};

/* net.c; nothing blocks */
extern const char *const net_presets[], *const net_routes[]; /* the simulator's, up to NULL; by MUSUBI_ROUTE_ */
void net_open(struct arena *a, const char *server, const char *name);
void net_enter(struct arena *a, const char *code); /* "": a new room */
void net_step(struct arena *a);
void net_send(struct arena *a, musubi_peer to, uint32_t mode, uint32_t channel, const void *message, uint32_t size); /* to 0: all */
void net_say(struct arena *a, const char *text);
void net_simulate(struct arena *a, int preset, int cut); /* cut: the direct paths, not the relay */

void world_stars(struct arena *a, musubi_peer newcomer); /* of the owner: tells them to a newcomer; 0: it has just become that */
void world_message(struct arena *a, struct player *p, const uint8_t *m, uint32_t size);
void world_step(struct arena *a);

int screen_input(struct arena *a); /* 0: the player wants to leave */
void screen_draw(const struct arena *a);

enum { DISC, GLOW, SPARK, SHAPES };
int paint_open(const char *place); /* "960x540+0+0", "960x540"; returns 0 if there is no window */
void paint_begin(void);
void paint_colour(unsigned rgb, float alpha); /* of what comes next; 0xrrggbb, 0 to 1 */
void paint_box(float x, float y, float w, float h);
void paint_shape(int shape, float x, float y, float radius, double degrees);
float paint_text(float x, float y, float dot, float align, const char *text); /* dot: units of each of a character's 5 x 8; align: 0 left, */
void paint_end(void);                                                         /* 0.5 middle, 1 right; returns where it ends */
void paint_close(void);
