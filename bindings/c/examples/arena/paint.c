/* Pixels, with SDL 2: a window, boxes, three soft shapes and a font. The arena keeps its form and fills the window as far as it can. */
#include "arena.h"

#include <SDL.h>
#include <stdio.h>
#include <string.h>

/* Each character from ' ' to '~' is five columns of eight dots, two hexadecimal digits each, the lowest bit at the top. */
static const char font[] =
    "000000000000005f00000003000300147f147f14242a7f2a12631308646336495522500000030000001c2241000041221c0014083e081408083e0808"
    "00b07000000808080808006060000060100804033e5149453e00427f4000625149494622414949361814127f1027454545393c4a4949300101790503"
    "3649494936064949291e003636000000b676000008142241001414141414004122140802015109063e415d551e7e0909097e7f494949363e41414122"
    "7f4141413e7f494949417f090909013e4149497a7f0808087f00417f41002040413f017f081422417f404040407f020c027f7f0204087f3e4141413e"
    "7f090909063e4151215e7f09192946464949493101017f01013f4040403f1f2040201f7f2018207f631408146303047804036151494543007f414100"
    "03040810600041417f0004020102048080808080000102000020545454787f444444383844444400384444447f3854545418087e09010018a4a4a47c"
    "7f0404047800447d40000080847d007f1028440000417f40007c047804787c040404783844444438fc2424241818242424fc7c080404004854545424"
    "043f4440003c4040407c1c2040201c3c4038403c44281028441ca0a0a07c4464544c44000836410000007f000000413608000804081008";

static SDL_Window *window;
static SDL_Renderer *out;
static SDL_Texture *shapes[SHAPES];
static float unit = 1, left, top; /* pixels of a unit; where the arena begins */

/* How much of a shape is at a place: 0 to 1. x, y: from its middle, -1 to 1. */
static float cover(int shape, float x, float y)
{
    float r = SDL_sqrtf(x * x + y * y);
    float turn = SDL_fabsf(SDL_fmodf(SDL_atan2f(x, -y) + 6.9115f, 1.2566f) - 0.6283f); /* a spark: ten times one side of a ray */

    if (shape == GLOW)
        return r < 1 ? (1 - r) * (1 - r) : 0;
    return SDL_clamp(shape == DISC ? (1 - r) * 32 : (0.45f - r * SDL_cosf(turn) + 0.55f * r * SDL_sinf(turn)) * 16, 0, 1);
}

static SDL_Texture *texture(int shape)
{
    static Uint32 pixels[64][64];
    SDL_Texture *t = SDL_CreateTexture(out, SDL_PIXELFORMAT_ARGB8888, SDL_TEXTUREACCESS_STATIC, 64, 64);
    int i;

    for (i = 0; i < 64 * 64; i++)
        pixels[i / 64][i % 64] = (Uint32)(255 * cover(shape, (float)(i % 64) / 31.5f - 1, (float)(i / 64) / 31.5f - 1)) << 24 | 0xffffff;
    SDL_UpdateTexture(t, NULL, pixels, sizeof *pixels);
    SDL_SetTextureBlendMode(t, SDL_BLENDMODE_BLEND);
    return t;
}

int paint_open(const char *place)
{
    int x = SDL_WINDOWPOS_UNDEFINED, y = SDL_WINDOWPOS_UNDEFINED, w = WIDTH, h = HEIGHT, i;

    sscanf(place, "%dx%d+%d+%d", &w, &h, &x, &y);
    SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "linear");
    if (SDL_Init(SDL_INIT_VIDEO) == 0)
        window = SDL_CreateWindow("Musubi arena", x, y, w, h, SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
    out = window != NULL ? SDL_CreateRenderer(window, -1, SDL_RENDERER_PRESENTVSYNC) : NULL;
    if (out == NULL)
        return fprintf(stderr, "arena: no window: %s\n", SDL_GetError()), 0;
    SDL_SetRenderDrawBlendMode(out, SDL_BLENDMODE_BLEND);
    for (i = 0; i < SHAPES; i++)
        shapes[i] = texture(i);
    return 1;
}

void paint_begin(void)
{
    int w, h;

    SDL_GetRendererOutputSize(out, &w, &h);
    unit = SDL_min((float)w / WIDTH, (float)h / HEIGHT);
    left = ((float)w - unit * WIDTH) / 2, top = ((float)h - unit * HEIGHT) / 2;
    SDL_SetRenderDrawColor(out, 0, 0, 0, 255), SDL_RenderClear(out);
}

void paint_colour(unsigned rgb, float alpha)
{
    Uint8 r = (Uint8)(rgb >> 16), g = (Uint8)(rgb >> 8), b = (Uint8)rgb, opaque = (Uint8)(255 * alpha);
    int i;

    SDL_SetRenderDrawColor(out, r, g, b, opaque);
    for (i = 0; i < SHAPES; i++)
        SDL_SetTextureColorMod(shapes[i], r, g, b), SDL_SetTextureAlphaMod(shapes[i], opaque);
}

void paint_box(float x, float y, float w, float h)
{
    SDL_RenderFillRectF(out, &(SDL_FRect){left + x * unit, top + y * unit, w * unit, h * unit});
}

void paint_shape(int shape, float x, float y, float radius, double degrees)
{
    SDL_FRect to = {left + (x - radius) * unit, top + (y - radius) * unit, 2 * radius * unit, 2 * radius * unit};

    SDL_RenderCopyExF(out, shapes[shape], NULL, &to, degrees, NULL, SDL_FLIP_NONE);
}

/* Dots are whole pixels, so that text is sharp in a window of any size. */
float paint_text(float x, float y, float dot, float align, const char *text)
{
    int side = SDL_max((int)(dot * unit + 0.01f), 1), py = (int)(top + y * unit), bit, n;
    int px = (int)(left + x * unit - (float)(6 * side) * (float)strlen(text) * align);

    for (; *text != 0; text++, px += 6 * side) {
        const char *glyph = font + 10 * ((*text < ' ' || *text > '~' ? '?' : *text) - ' ');
        SDL_Rect dots[40];

        for (n = 0, bit = 0; bit < 40; bit++) {
            int hex = glyph[bit / 8 * 2 + (bit % 8 < 4)];

            if ((hex <= '9' ? hex - '0' : hex - 'a' + 10) >> bit % 4 & 1)
                dots[n++] = (SDL_Rect){px + bit / 8 * side, py + bit % 8 * side, side, side};
        }
        SDL_RenderFillRects(out, dots, n);
    }
    return ((float)px - left) / unit;
}

void paint_end(void) { SDL_RenderPresent(out); }
void paint_close(void) { SDL_Quit(); }
