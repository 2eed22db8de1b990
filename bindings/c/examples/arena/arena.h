/* Arena: two to eight players collect stars. world.c is the game and its network, screen.c what a person sees of it. */
#ifndef ARENA_H
#define ARENA_H

#include <musubi.h>
#include <stdint.h>

enum {
    PLAYERS = 8,
    STARS = 6,
    WIDTH = 960, /* of the arena, pixels */
    HEIGHT = 540,
    RADIUS = 14, /* of a player, pixels */
    NAME = 16,
    LINES = 6, /* of the log at the bottom */
    LINE = 96
};

struct player {
    musubi_peer peer; /* 0: this one, or a free place */
    int used, connected;
    char name[NAME];
    float x, y, vx, vy; /* pixels, pixels a second */
    uint16_t score;
    uint32_t lines;     /* of a bot that came */
    uint32_t gaps;      /* and that came out of their order: none, or the library is wrong */
    musubi_stats stats;
    uint64_t bytes;     /* both ways, at the last look */
    uint32_t rate;      /* bytes a second */
};

struct star {
    float x, y;
    uint16_t version; /* changes each time it is taken */
};

struct arena {
    musubi_client client;
    struct player players[PLAYERS]; /* the first is this one */
    struct star stars[STARS];
    int owner;     /* this client places the stars */
    char code[16]; /* of the room */
    char lines[LINES][LINE];
    int preset, cut; /* network simulator */
    int relayed, direct; /* route changes seen */
    char ended[160];     /* why the game is over, empty while it is not */
};

/* world.c. Each returns or stores what musubi.h says; nothing here blocks but arena_close. */
int arena_open(struct arena *a, const char *server, const char *code, const char *name);
void arena_step(struct arena *a, float seconds, float ax, float ay); /* ax, ay: where the player pushes, -1 to 1 */
void arena_say(struct arena *a, const char *text);
void arena_preset(struct arena *a, int number); /* of arena_presets */
void arena_cut(struct arena *a, int cut);       /* the direct paths, not the relay */
void arena_close(struct arena *a);
extern const char *const arena_presets[];

/* screen.c; screen_open returns 0 if there is a window. */
int screen_open(void);
int screen_input(struct arena *a, float *ax, float *ay); /* 0: the player wants to leave */
void screen_draw(const struct arena *a);
void screen_save(const char *file); /* the picture, as BMP */
void screen_close(void);

#endif
