/* What a person sees, with SDL 2. Keys: arrows or WASD move, Enter says something, 1 to 6 choose a network, C cuts the direct
 * paths, Tab hides the figures, Escape leaves. */
#include "arena.h"

#include <stdio.h>
#include <string.h>

#ifdef ARENA_SDL
#include <SDL.h>

/* Five rows of three pixels for each character from ' ' to '_', the top row in the highest three bits of fifteen. */
static const uint16_t font[] = {
    0x0000, 0x2482, 0x5a00, 0x5f7d, 0x3d5e, 0x52a5, 0x2b5f, 0x2400, 0x1491, 0x4494, 0x0aa8, 0x05d0, 0x0014, 0x01c0, 0x0002, 0x12a4,
    0x7b6f, 0x2c97, 0x73e7, 0x73cf, 0x5bc9, 0x79cf, 0x79ef, 0x7292, 0x7bef, 0x7bcf, 0x0410, 0x0414, 0x1511, 0x0e38, 0x4454, 0x7282,
    0x7be7, 0x2bed, 0x6bae, 0x3923, 0x6b6e, 0x79a7, 0x79a4, 0x396b, 0x5bed, 0x7497, 0x126f, 0x5bad, 0x4927, 0x5fed, 0x6b6d, 0x2b6a,
    0x6ba4, 0x2b73, 0x6bad, 0x388e, 0x7492, 0x5b6f, 0x5b6a, 0x5bfd, 0x5aad, 0x5a92, 0x72a7, 0x6926, 0x4889, 0x324b, 0x2a00, 0x0007};

static SDL_Window *window;
static SDL_Renderer *out;
static char typed[LINE];
static int typing, figures = 1;
static const SDL_Color colours[PLAYERS] = {{88, 166, 255, 255}, {255, 123, 114, 255}, {86, 211, 100, 255}, {240, 200, 80, 255},
                                           {210, 168, 255, 255}, {255, 166, 87, 255}, {121, 220, 220, 255}, {255, 150, 200, 255}};

static void colour(SDL_Color c, int alpha) { SDL_SetRenderDrawColor(out, c.r, c.g, c.b, (Uint8)alpha); }

static void box(float x, float y, float w, float h) { SDL_RenderFillRect(out, &(SDL_Rect){(int)x, (int)y, (int)w, (int)h}); }

static void text(float x, float y, int size, const char *s)
{
    for (; *s; s++, x += 4 * (float)size) {
        int c = *s >= 'a' && *s <= 'z' ? *s - 32 : *s, bit;

        for (bit = 0; c > ' ' && c <= '_' && bit < 15; bit++)
            if (font[c - ' '] >> (14 - bit) & 1)
                box(x + (float)(bit % 3 * size), y + (float)(bit / 3 * size), (float)size, (float)size);
    }
}

static void disc(float x, float y, float r)
{
    int row;

    for (row = (int)-r; row <= (int)r; row++) {
        float half = SDL_sqrtf(r * r - (float)(row * row));

        box(x - half, y + (float)row, 2 * half, 1);
    }
}

int screen_open(void)
{
    if (SDL_Init(SDL_INIT_VIDEO) != 0)
        return 1;
    window = SDL_CreateWindow("Musubi arena", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, WIDTH, HEIGHT, 0);
    out = window != NULL ? SDL_CreateRenderer(window, -1, SDL_RENDERER_SOFTWARE) : NULL;
    if (out == NULL)
        return SDL_Quit(), 1;
    SDL_SetRenderDrawBlendMode(out, SDL_BLENDMODE_BLEND);
    return 0;
}

static int key(struct arena *a, SDL_Keycode k)
{
    if (k == SDLK_RETURN) {
        if (typing && typed[0] != 0)
            arena_say(a, typed);
        typed[0] = 0, typing = !typing;
    } else if (k == SDLK_BACKSPACE && typed[0] != 0)
        typed[strlen(typed) - 1] = 0;
    else if (typing)
        return k != SDLK_ESCAPE || (typing = 0, 1);
    else if (k >= SDLK_1 && k <= SDLK_6)
        arena_preset(a, (int)(k - SDLK_1));
    else if (k == SDLK_c)
        arena_cut(a, !a->cut);
    else if (k == SDLK_TAB)
        figures = !figures;
    return k != SDLK_ESCAPE;
}

int screen_input(struct arena *a, float *ax, float *ay)
{
    const Uint8 *down = SDL_GetKeyboardState(NULL);
    SDL_Event e;

    while (SDL_PollEvent(&e)) {
        if (e.type == SDL_QUIT || (e.type == SDL_KEYDOWN && !key(a, e.key.keysym.sym)))
            return 0;
        if (e.type == SDL_TEXTINPUT && typing && strlen(typed) + strlen(e.text.text) < 70 && e.text.text[0] != '\r')
            strcat(typed, e.text.text);
    }
    *ax = typing ? 0 : (float)((down[SDL_SCANCODE_RIGHT] | down[SDL_SCANCODE_D]) - (down[SDL_SCANCODE_LEFT] | down[SDL_SCANCODE_A]));
    *ay = typing ? 0 : (float)((down[SDL_SCANCODE_DOWN] | down[SDL_SCANCODE_S]) - (down[SDL_SCANCODE_UP] | down[SDL_SCANCODE_W]));
    return 1;
}

static void draw_world(const struct arena *a)
{
    const SDL_Color gold = {255, 215, 90, 255}, dark = {13, 17, 23, 255};
    int i;

    colour((SDL_Color){30, 37, 46, 255}, 255);
    for (i = 0; i < WIDTH; i += 60)
        box((float)i, 0, 1, HEIGHT);
    for (i = 0; i < HEIGHT; i += 60)
        box(0, (float)i, WIDTH, 1);
    for (i = 0; i < STARS; i++) {
        colour(gold, 60), disc(a->stars[i].x, a->stars[i].y, 11);
        colour(gold, 255), disc(a->stars[i].x, a->stars[i].y, 5);
    }
    for (i = 0; i < PLAYERS; i++) {
        const struct player *p = &a->players[i];
        char name[NAME + 8];

        if (!p->used)
            continue;
        colour(colours[i], p->connected ? 255 : 70), disc(p->x, p->y, RADIUS);
        colour(dark, 255), disc(p->x, p->y, i == 0 ? RADIUS - 4 : 4);
        snprintf(name, sizeof name, "%s %u", p->name, p->score);
        colour(colours[i], 255), text(p->x - (float)strlen(name) * 4, p->y - RADIUS - 16, 2, name);
    }
}

static void draw_figures(const struct arena *a)
{
    static const char *const routes[] = {"-", "RELAY", "DIRECT LAN", "DIRECT IPV4", "DIRECT IPV6"};
    float y = 36;
    char s[LINE];
    int i;

    for (i = 1; i < PLAYERS; i++) {
        const struct player *p = &a->players[i];
        const musubi_stats *t = &p->stats;

        if (!p->used)
            continue;
        snprintf(s, sizeof s, "%-10.10s %-11s %4u.%u MS +-%u.%u  LOSS %u.%u%%  %u.%u KB/S", p->name, p->connected ? routes[t->route < 5 ? t->route : 0] : "connecting",
                 (unsigned)t->rtt_us / 1000, (unsigned)t->rtt_us / 100 % 10, (unsigned)t->jitter_us / 1000, (unsigned)t->jitter_us / 100 % 10,
                 (unsigned)t->loss_in_ppm / 10000, (unsigned)t->loss_in_ppm / 1000 % 10, (unsigned)p->rate / 1000, (unsigned)p->rate / 100 % 10);
        colour(colours[i], 255), text(12, y, 2, s);
        y += 16;
    }
}

void screen_draw(const struct arena *a)
{
    const SDL_Color light = {230, 237, 243, 255}, red = {248, 81, 73, 255};
    char s[2 * LINE];
    int i;

    SDL_SetRenderDrawColor(out, 13, 17, 23, 255);
    SDL_RenderClear(out);
    draw_world(a);
    snprintf(s, sizeof s, "ROOM %s   NETWORK %s%s", a->code[0] ? a->code : "...", arena_presets[a->preset], a->cut ? "   DIRECT PATHS CUT" : "");
    colour(a->cut ? red : light, 255), text(12, 12, 2, s);
    if (figures)
        draw_figures(a);
    colour(light, 170);
    for (i = 0; i < LINES; i++)
        text(12, HEIGHT - 116 + (float)(i * 15), 2, a->lines[i]);
    snprintf(s, sizeof s, typing ? "> %s_" : "ENTER TALK  1-6 NETWORK  C CUT  TAB FIGURES  ESC LEAVE", typed);
    colour(light, typing ? 255 : 90), text(12, HEIGHT - 20, 2, s);
    SDL_RenderPresent(out);
}

void screen_save(const char *file)
{
    SDL_Surface *s = out != NULL ? SDL_CreateRGBSurfaceWithFormat(0, WIDTH, HEIGHT, 32, SDL_PIXELFORMAT_ARGB8888) : NULL;

    if (s != NULL && (SDL_RenderReadPixels(out, NULL, SDL_PIXELFORMAT_ARGB8888, s->pixels, s->pitch) != 0 || SDL_SaveBMP(s, file) != 0))
        fprintf(stderr, "arena: no picture in %s: %s\n", file, SDL_GetError());
    SDL_FreeSurface(s);
}

void screen_close(void)
{
    SDL_DestroyRenderer(out);
    SDL_DestroyWindow(window);
    SDL_Quit();
}

#else /* without SDL there are bots only */

int screen_open(void) { return 1; }
int screen_input(struct arena *a, float *ax, float *ay) { return a != NULL && ax != NULL && ay != NULL; }
void screen_draw(const struct arena *a) { (void)a; }
void screen_save(const char *file) { (void)file; }
void screen_close(void) {}

#endif
