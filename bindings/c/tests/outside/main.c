#include <musubi.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    printf("musubi %s, ABI %u\n", musubi_version(), (unsigned)musubi_abi_version());
    return strcmp(musubi_version(), MUSUBI_VERSION) == 0 && musubi_abi_version() == MUSUBI_ABI_VERSION ? 0 : 1;
}
