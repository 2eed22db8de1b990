// The header must compile alone, twice, and be strict C++17; sizes are part of the ABI.
#include <musubi.h>
#include <musubi.h>

static_assert(sizeof(musubi_event) == 64, "event");
static_assert(sizeof(musubi_stats) == 160, "stats");
static_assert(sizeof(musubi_nat) == 104, "nat");

const char *header_cxx17_version() { return MUSUBI_VERSION; }
