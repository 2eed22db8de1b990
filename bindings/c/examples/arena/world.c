/* The rules. Everybody moves itself and tells the others; the room's owner says where stars are and who took one:
 *   'P' x y vx vy score   30 times a second, unreliable, sequenced: a lost one is made good by the next
 *   'S' star x y          where it is now, from the owner      } reliable, ordered
 *   'Y'                   "it was yours", from the owner       }
 *   'W'                   "I have won", from who has           } */
#include "arena.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEED 270.0f /* units a second */
#define DASH 3.0f    /* times as fast, for a sixth of a second, once a second */

static void put16(uint8_t *to, float value) { to[0] = (uint8_t)((int)value >> 8), to[1] = (uint8_t)(int)value; }
static float get16(const uint8_t *from) { return (int16_t)(from[0] << 8 | from[1]); }
static float within(float value, float most) { return fminf(fmaxf(value, RADIUS), most - RADIUS); }

static void put_star(struct arena *a, int i, float x, float y)
{
    a->stars[i].old_x = a->stars[i].x, a->stars[i].old_y = a->stars[i].y;
    a->stars[i].x = x, a->stars[i].y = y, a->stars[i].born = a->tick;
}

static void tell_star(struct arena *a, int i, musubi_peer to)
{
    uint8_t m[6] = {'S', (uint8_t)i};

    put16(m + 2, a->stars[i].x), put16(m + 4, a->stars[i].y);
    net_send(a, to, MUSUBI_RELIABLE_ORDERED, STAR, m, sizeof m);
}

static void new_star(struct arena *a, int i) /* clear of chat and figures */
{
    put_star(a, i, (float)(60 + rand() % (WIDTH - 400)), (float)(90 + rand() % (HEIGHT - 200)));
    tell_star(a, i, 0);
}

void world_stars(struct arena *a, musubi_peer newcomer)
{
    int i;

    for (i = 0; a->owner && i < STARS; i++)
        if (newcomer != 0)
            tell_star(a, i, newcomer);
        else
            new_star(a, i);
}

static void won(struct arena *a, const struct player *p)
{
    int i;

    snprintf(a->banner, sizeof a->banner, "%s wins!", p->name);
    for (a->banner_born = a->tick, i = 0; i < PLAYERS; i++)
        a->players[i].score = 0;
}

static void point(struct arena *a)
{
    if (++a->players[0].score == GOAL)
        net_send(a, 0, MUSUBI_RELIABLE_ORDERED, STAR, "W", 1), won(a, &a->players[0]);
}

void world_message(struct arena *a, struct player *p, const uint8_t *m, uint32_t size)
{
    if (m[0] == 'P' && size == 11) {
        p->x = within(get16(m + 1), WIDTH), p->y = within(get16(m + 3), HEIGHT);
        p->vx = get16(m + 5), p->vy = get16(m + 7), p->score = (int)get16(m + 9);
    } else if (m[0] == 'S' && size == 6 && m[1] < STARS && !a->owner)
        put_star(a, m[1], within(get16(m + 2), WIDTH), within(get16(m + 4), HEIGHT));
    else if (m[0] == 'Y')
        point(a);
    else if (m[0] == 'W')
        won(a, p);
}

/* The owner alone decides who took a star, by where it sees the players. */
static void collect(struct arena *a, struct player *p)
{
    int i;

    for (i = 0; i < STARS; i++)
        if (p->connected && hypotf(p->x - a->stars[i].x, p->y - a->stars[i].y) < RADIUS + 12) {
            if (p->peer == 0)
                point(a);
            else
                net_send(a, p->peer, MUSUBI_RELIABLE_ORDERED, STAR, "Y", 1);
            new_star(a, i);
        }
}

void world_step(struct arena *a)
{
    static unsigned dashed; /* tick */
    struct player *me = &a->players[0];
    float hard = fmaxf(hypotf(a->push_x, a->push_y), 1) / SPEED; /* so much push is one unit a second */
    uint8_t m[11] = {'P'};
    int i;

    if (a->dash && a->tick - dashed > TICKS)
        dashed = a->tick;
    if (a->tick - dashed < TICKS / 6)
        hard /= DASH;
    me->vx += (a->push_x / hard - me->vx) * 0.2f, me->vy += (a->push_y / hard - me->vy) * 0.2f;
    for (i = 0; i < PLAYERS; i++) {
        struct player *p = &a->players[i];
        float soft = i == 0 || p->at_x == 0 ? 1 : 0.25f;

        if (p->x == 0) /* it has not said where it is */
            continue;
        p->x = within(p->x + p->vx / TICKS, WIDTH), p->y = within(p->y + p->vy / TICKS, HEIGHT);
        p->at_x += (p->x - p->at_x) * soft, p->at_y += (p->y - p->at_y) * soft;
        if (a->tick % 2 == 0)
            memmove(p->trail[1], p->trail[0], sizeof p->trail - sizeof *p->trail);
        p->trail[0][0] = p->at_x, p->trail[0][1] = p->at_y;
        if (a->owner)
            collect(a, p);
    }
    put16(m + 1, me->x), put16(m + 3, me->y), put16(m + 5, me->vx), put16(m + 7, me->vy), put16(m + 9, (float)me->score);
    if (a->tick++ % 2 == 0)
        net_send(a, 0, MUSUBI_UNRELIABLE_SEQUENCED, STATE, m, sizeof m);
}
