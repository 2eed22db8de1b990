/* Where SDL 2 is missing there is no window: bots only, who end well when they are told to. */
#include "arena.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t told_to_leave;

static void on_signal(int number) { told_to_leave = number; }

int paint_open(const char *place)
{
    signal(SIGINT, on_signal), signal(SIGTERM, on_signal);
    (void)place;
    return 0;
}

int screen_input(struct arena *a) { return a != NULL && !told_to_leave; }
void screen_draw(const struct arena *a) { (void)a; }
void paint_close(void) {}
