/* Wrong libraries for the test of the C# binding's look at the version: built with -DABI=, -DAPI_SIZE=, -DEVENT_SIZE= or -DOLD. */
#include <musubi.h>

#ifndef ABI
#define ABI MUSUBI_ABI_VERSION
#endif
#ifndef API_SIZE
#define API_SIZE sizeof(musubi_api)
#endif
#ifndef EVENT_SIZE
#define EVENT_SIZE sizeof(musubi_event)
#endif

uint32_t musubi_abi_version(void) { return ABI; }

const char *musubi_version(void) { return "9.8.7"; }

#ifndef OLD
const musubi_api *musubi_get_api(uint32_t version)
{
    static const musubi_api api = {.struct_size = API_SIZE, .abi_version = ABI, .event_size = EVENT_SIZE};

    (void)version;
    return &api;
}
#endif
