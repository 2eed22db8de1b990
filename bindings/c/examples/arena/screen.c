/* What a person sees and presses. */
#include "arena.h"

#include <SDL.h>
#include <stdio.h>
#include <string.h>

enum { LIGHT = 0xe6edf3, GREY = 0x8b949e, RED = 0xf85149, GOLD = 0xffd75a, NIGHT = 0x0d1117, LINED = 0x1c2430 };
static const unsigned colours[PLAYERS] = {0x58a6ff, 0xff7b72, 0x56d364, 0xf0c850, 0xd2a8ff, 0xffa657, 0x79dcdc, 0xff96c8};
static const unsigned routes[] = {0x6e7681, 0xf0a03c, 0x3fb950, 0x3fb950, 0x3fb950}; /* by MUSUBI_ROUTE_ */
static char typed[64];
static int typing;

static int key(struct arena *a, SDL_Keycode k) /* 0: leave */
{
    int free = a->stage == PLAYING && !typing;

    if (k == SDLK_ESCAPE)
        return typing && (typing = 0, 1);
    if (k == SDLK_BACKSPACE && typed[0] != 0)
        typed[strlen(typed) - 1] = 0;
    if (free && k >= SDLK_1 && k <= SDLK_6)
        net_simulate(a, (int)(k - SDLK_1), a->cut);
    if (free && k == SDLK_c)
        net_simulate(a, a->preset, !a->cut);
    if (free && k == SDLK_b)
        a->autopilot = !a->autopilot;
    if (k == SDLK_RETURN) {
        if (a->stage == MENU)
            net_enter(a, typed);
        else if (typed[0] != 0)
            net_say(a, typed);
        typing = free;
        memset(typed, 0, sizeof typed);
    }
    return 1;
}

int screen_input(struct arena *a)
{
    const Uint8 *down = SDL_GetKeyboardState(NULL);
    SDL_Event e;

    while (SDL_PollEvent(&e)) {
        if (e.type == SDL_QUIT || (e.type == SDL_KEYDOWN && !key(a, e.key.keysym.sym)))
            return 0;
        if (e.type == SDL_TEXTINPUT && (typing || a->stage == MENU) && (e.text.text[0] & 0x80) == 0 && strlen(typed) < (typing ? 60 : 12))
            typed[strlen(typed)] = e.text.text[0]; /* behind it is zero */
    }
    a->push_x = (float)((down[SDL_SCANCODE_RIGHT] | down[SDL_SCANCODE_D]) - (down[SDL_SCANCODE_LEFT] | down[SDL_SCANCODE_A])) * (float)!typing;
    a->push_y = (float)((down[SDL_SCANCODE_DOWN] | down[SDL_SCANCODE_S]) - (down[SDL_SCANCODE_UP] | down[SDL_SCANCODE_W])) * (float)!typing;
    a->dash = !typing && down[SDL_SCANCODE_SPACE];
    return 1;
}

static void draw_star(float x, float y, float old_x, float old_y, float age) /* age: seconds */
{
    paint_colour(GOLD, 0.35f), paint_shape(GLOW, x, y, 34 * SDL_min(age * 4, 1), 0);
    paint_colour(GOLD, 1), paint_shape(SPARK, x, y, 13 * SDL_min(age * 4, 1), age * 60);
    if (age < 0.5f && old_x > 0)
        paint_colour(GOLD, 1 - 2 * age), paint_shape(GLOW, old_x, old_y, 30 + 120 * age, 0);
}

static void draw_player(const struct player *p)
{
    unsigned colour = colours[p->colour];
    char name[NAME + 16];
    int i;

    for (i = TRAIL - 1; i > 0; i--)
        paint_colour(colour, 0.3f * (float)(TRAIL - i) / TRAIL), paint_shape(DISC, p->trail[i][0], p->trail[i][1], (float)(RADIUS - i), 0);
    paint_colour(colour, 0.4f), paint_shape(GLOW, p->at_x, p->at_y, 3 * RADIUS, 0);
    paint_colour(colour, p->connected ? 1 : 0.3f), paint_shape(DISC, p->at_x, p->at_y, RADIUS, 0);
    for (i = -6; i <= 6; i += 12) { /* eyes look where it runs */
        paint_colour(0xffffff, 1), paint_shape(DISC, p->at_x + (float)i + p->vx / 120, p->at_y - 3 + p->vy / 120, 5, 0);
        paint_colour(NIGHT, 1), paint_shape(DISC, p->at_x + (float)i + p->vx / 60, p->at_y - 3 + p->vy / 60, 2.5f, 0);
    }
    snprintf(name, sizeof name, "%s %d", p->name, p->score);
    paint_colour(colour, 1), paint_text(p->at_x, p->at_y - 40, 2, 0.5f, name);
}

/* A player's connection: its route, its figures and the last 12 s of its round trips. big: it is the only one. */
static float draw_figures(const struct player *p, float y, int big)
{
    const char *route = net_routes[p->route];
    float dot = big ? 4 : 2, wide = 6 * dot * (float)strlen(route), high = 7 * dot + 8, full = WIDTH - 10;
    char s[LINE];
    int i;

    paint_colour(colours[p->colour], 1), paint_text(full - 296, y + 6, 2, 0, big ? "" : p->name);
    paint_colour(routes[p->route], 1), paint_box(full - wide - 6, y, wide + 8, high);
    paint_colour(NIGHT, 1), paint_text(full, y + 4, dot, 1, route);
    snprintf(s, sizeof s, "%.1f ms +-%.1f  loss %.1f%%", p->stats.rtt_us / 1e3, p->stats.jitter_us / 1e3,
             SDL_max(p->stats.loss_in_ppm, p->stats.loss_out_ppm) / 1e4);
    paint_colour(LIGHT, 1), paint_text(full, y + high + 6, 2, 1, s);
    for (i = 0; i < GRAPH && p->graph[i].ms > 0; i++) {
        float bar = SDL_min(p->graph[i].ms / 2, 60);

        paint_colour(routes[p->graph[i].route], 0.8f), paint_box(full - (float)(5 * i) - 4, y + high + 84 - bar, 4, bar);
    }
    return y + high + 92;
}

static void draw_room(const struct arena *a)
{
    float y = 10, x;
    char s[LINE];
    int i, others = 0;

    for (i = 1; i < PLAYERS; i++)
        others += a->players[i].used;
    for (i = 1; i < PLAYERS; i++)
        y = a->players[i].used ? draw_figures(&a->players[i], y, others == 1) : y;
    paint_colour(LIGHT, 1), paint_text(12, 10, 3, 0, a->code);
    paint_colour(RED, 1), paint_text(12, 44, 4, 0, a->cut ? "DIRECT PATH CUT" : "");
    if (others == 0) {
        paint_colour(LIGHT, 1), paint_text(WIDTH / 2, 170, 11, 0.5f, a->code);
        paint_colour(GREY, 1), paint_text(WIDTH / 2, 290, 2, 0.5f, "the join code: whoever types it plays with you, on any network");
    }
    for (i = 0; i < STARS && a->stars[i].x > 0; i++)
        draw_star(a->stars[i].x, a->stars[i].y, a->stars[i].old_x, a->stars[i].old_y, (float)(a->tick - a->stars[i].born) / TICKS);
    for (i = PLAYERS - 1; i >= 0; i--)
        if (a->players[i].used && a->players[i].at_x > 0)
            draw_player(&a->players[i]);
    paint_colour(GOLD, SDL_max(1 - (float)(a->tick - a->banner_born) / (3 * TICKS), 0)), paint_text(WIDTH / 2, 230, 6, 0.5f, a->banner);
    for (i = 0; i < LINES; i++)
        paint_colour(colours[a->players[a->chat[i].who].colour], SDL_max(1 - (float)(a->tick - a->chat[i].born) / (15 * TICKS), 0)),
            paint_text(12, HEIGHT - 66 - 20 * (float)(LINES - i), 2, 0, a->chat[i].text);
    if (typing)
        snprintf(s, sizeof s, "say: %s_", typed), paint_colour(LIGHT, 1), paint_text(12, HEIGHT - 64, 2, 0, s);
    paint_colour(GREY, 1), paint_text(12, HEIGHT - 20, 2, 0, "ARROWS run  SPACE dash  ENTER say  B plays by itself  ESC leave");
    for (x = paint_text(12, HEIGHT - 40, 2, 0, "network "), i = 0; net_presets[i] != NULL; i++) {
        snprintf(s, sizeof s, "%d %s  ", i + 1, net_presets[i]);
        paint_colour(i == a->preset ? LIGHT : GREY, 1), x = paint_text(x, HEIGHT - 40, 2, 0, s);
    }
    paint_colour(a->cut ? RED : GREY, 1), paint_text(x, HEIGHT - 40, 2, 0, a->cut ? "C heal direct" : "C cut direct");
}

void screen_draw(const struct arena *a)
{
    static const char *const says[] = {"Type a join code and press Enter, or Enter alone for a new room.", "One moment ...", "", "ESC leaves."};
    int i;

    paint_begin();
    paint_colour(NIGHT, 1), paint_box(0, 0, WIDTH, HEIGHT);
    for (paint_colour(LINED, 1), i = 60; i < WIDTH; i += 60)
        paint_box((float)i, 0, 1, HEIGHT), paint_box(0, (float)(i % HEIGHT), WIDTH, 1);
    if (a->stage == PLAYING)
        draw_room(a);
    else {
        paint_colour(GOLD, 1), paint_text(WIDTH / 2, 90, 9, 0.5f, "ARENA");
        paint_colour(LIGHT, 1), paint_text(WIDTH / 2, 200, 2, 0.5f, says[a->stage]);
        paint_colour(colours[0], 1), paint_text(WIDTH / 2, 250, 8, 0.5f, typed);
    }
    paint_colour(RED, 1), paint_text(WIDTH / 2, 350, 2, 0.5f, a->problem);
    paint_colour(LIGHT, 1), paint_text(WIDTH / 2, 374, 2, 0.5f, a->problem[0] != 0 ? a->advice : "");
    paint_end();
}
