/* Loads the library with dlopen, for tests in which it must come after something else. */
#ifndef MUSUBI_TEST_LOAD_H
#define MUSUBI_TEST_LOAD_H

#include <dlfcn.h>
#include <musubi.h>

#include "test.h"

struct library {
    int32_t (*create)(const musubi_config *, musubi_client *);
    int32_t (*destroy)(musubi_client);
    int32_t (*connect)(musubi_client);
    int32_t (*network_changed)(musubi_client);
    int32_t (*send)(musubi_client, musubi_peer, uint32_t, uint32_t, const void *, uint32_t, uint32_t, uint64_t);
    int32_t (*poll)(musubi_client, musubi_event *, uint32_t);
    int32_t (*wait)(musubi_client, uint32_t);
    int32_t (*room_create)(musubi_client, uint32_t, const void *, uint32_t);
    int32_t (*room_join)(musubi_client, const char *);
    void *so; /* from dlopen */
};

static inline void *symbol(void *so, const char *name)
{
    void *p = dlsym(so, name);

    if (p == NULL)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(p != NULL);
    return p;
}

static inline struct library load(const char *path)
{
    struct library lib;
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (so == NULL)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(so != NULL);
    lib.so = so;
    *(void **)&lib.room_create = symbol(so, "musubi_room_create");
    *(void **)&lib.room_join = symbol(so, "musubi_room_join");
    *(void **)&lib.create = symbol(so, "musubi_create");
    *(void **)&lib.destroy = symbol(so, "musubi_destroy");
    *(void **)&lib.connect = symbol(so, "musubi_connect");
    *(void **)&lib.network_changed = symbol(so, "musubi_network_changed");
    *(void **)&lib.send = symbol(so, "musubi_send");
    *(void **)&lib.poll = symbol(so, "musubi_poll");
    *(void **)&lib.wait = symbol(so, "musubi_wait");
    return lib;
}

static inline musubi_client start_client(const struct library *lib)
{
    musubi_config config;
    musubi_client client;

    memset(&config, 0, sizeof config);
    config.struct_size = sizeof config;
    config.server = NO_SERVER;
    CHECK_CODE(lib->create(&config, &client), 0);
    CHECK_CODE(lib->connect(client), 0);
    return client;
}

#endif
