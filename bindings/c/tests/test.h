/* The few lines that every C test here shares. */
#ifndef MUSUBI_TEST_H
#define MUSUBI_TEST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(condition)                                                               \
    do {                                                                               \
        if (!(condition)) {                                                            \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);    \
            exit(1);                                                                   \
        }                                                                              \
    } while (0)

#define CHECK_CODE(call, want)                                                                      \
    do {                                                                                            \
        int32_t got_ = (call);                                                                      \
        if (got_ != (want)) {                                                                       \
            fprintf(stderr, "%s:%d: %s: got %d, want %d\n", __FILE__, __LINE__, #call, got_, (want)); \
            exit(1);                                                                                \
        }                                                                                           \
    } while (0)

#ifndef _WIN32
static inline uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
#endif

/* A server address that is well formed and that nobody answers at: port 9, and a key of zeros. */
#define NO_SERVER "musubi://127.0.0.1:9/#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

#endif
