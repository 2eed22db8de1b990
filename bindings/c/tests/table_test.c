/* musubi_get_api: the table that an engine finds by one symbol is the API itself. */
#include <dlfcn.h>
#include <musubi.h>
#include <stddef.h>

#include "test.h"

int main(int argc, char **argv)
{
    void *so = dlopen(argc > 1 ? argv[1] : "libmusubi.so", RTLD_NOW | RTLD_LOCAL);
    const musubi_api *(*get_api)(uint32_t);
    const musubi_api *api;
    musubi_config config = {.struct_size = sizeof config};
    musubi_client client;
    size_t at;

    CHECK(so != NULL);
    *(void **)&get_api = dlsym(so, "musubi_get_api");
    CHECK(get_api != NULL && get_api(0) == NULL && get_api(MUSUBI_ABI_VERSION + 1) == NULL);
    api = get_api(MUSUBI_ABI_VERSION);
    CHECK(api != NULL && api == get_api(MUSUBI_ABI_VERSION) && api->struct_size == sizeof *api);
    CHECK(api->abi_version == MUSUBI_ABI_VERSION && api->event_size == sizeof(musubi_event));
    CHECK(api->config_size == sizeof(musubi_config) && api->stats_size == sizeof(musubi_stats));
    CHECK(api->message_size == sizeof(musubi_message) && api->totals_size == sizeof(musubi_totals));
    CHECK(api->nat_size == sizeof(musubi_nat) && api->simulation_size == sizeof(musubi_simulation));
    for (at = offsetof(musubi_api, version); at < sizeof *api; at += sizeof(void *)) /* no member is missing */
        CHECK(*(void *const *)((const char *)api + at) != NULL);
    CHECK(*(void *const *)&api->poll == dlsym(so, "musubi_poll"));
    CHECK(strcmp(api->version(), MUSUBI_VERSION) == 0 && strcmp(api->strerror(0), "ok") == 0);
    CHECK_CODE(api->create(&config, &client), MUSUBI_OK); /* it does what it says */
    CHECK_CODE(api->destroy(client), MUSUBI_OK);
    CHECK_CODE(api->destroy(client), MUSUBI_ERR_HANDLE);
    return 0;
}
