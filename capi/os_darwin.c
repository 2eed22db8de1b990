/* Waiting on a word of memory, and waking the owner, on macOS and iOS. */
#include <pthread.h>
#include <sys/event.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

/* The system's own futex is private before macOS 14.4, so a few condition variables stand in for it. Words that share one
 * wake each other's waiters for nothing, which is allowed. */
enum { PLACES = 16 };

static struct place {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
} places[PLACES];

__attribute__((constructor)) static void make_places(void)
{
    int i;

    for (i = 0; i < PLACES; i++) {
        pthread_mutex_init(&places[i].mutex, NULL);
        pthread_cond_init(&places[i].changed, NULL);
    }
}

static struct place *place_of(musubi_a32 *word) { return &places[(uintptr_t)word / 64 % PLACES]; }

void musubi_futex_wait(musubi_a32 *word, uint32_t value, uint32_t timeout_ms)
{
    struct timespec t = {(time_t)(timeout_ms / 1000), (long)(timeout_ms % 1000) * 1000000};
    struct place *p = place_of(word);

    pthread_mutex_lock(&p->mutex);
    if (atomic_load(word) == value) { /* who changes it takes the mutex afterwards, so the wake can't fall in between */
        if (timeout_ms == UINT32_MAX)
            pthread_cond_wait(&p->changed, &p->mutex);
        else
            pthread_cond_timedwait_relative_np(&p->changed, &p->mutex, &t);
    }
    pthread_mutex_unlock(&p->mutex);
}

void musubi_futex_wake(musubi_a32 *word)
{
    struct place *p = place_of(word);

    pthread_mutex_lock(&p->mutex);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

/* The handle is the kqueue on which the owner waits for everything; a wake is a user event of it (core/netio). */
uint32_t musubi_wake_make(void)
{
    struct kevent e;
    int fd = kqueue();

    if (fd < 0)
        return 0;
    EV_SET(&e, MUSUBI_WAKE_IDENT, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
    if (kevent(fd, &e, 1, NULL, 0, NULL) != 0) {
        close(fd);
        return 0;
    }
    return (uint32_t)fd + 1;
}

void musubi_wake_signal(uint32_t handle)
{
    struct kevent e;

    EV_SET(&e, MUSUBI_WAKE_IDENT, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    kevent((int)handle - 1, &e, 1, NULL, 0, NULL);
}
