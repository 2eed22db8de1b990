/* The header must compile alone, twice, and be strict C99. */
#include <musubi.h>
#include <musubi.h>

const char *header_c99_version(void) { return MUSUBI_VERSION; }
