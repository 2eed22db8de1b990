/* A struct that has grown by two fields since the first release, and programs of all three times: no struct of the API has
 * grown yet, so this one is made up. */
#include "../../../capi/grow.h"
#include "test.h"

struct first {
    uint32_t struct_size, a;
};
struct ours {
    uint32_t struct_size, a;
    uint64_t b;
};
struct later {
    uint32_t struct_size, a;
    uint64_t b, c;
};

#define FIRST MUSUBI_SIZE_UP_TO(struct ours, a)

int main(void)
{
    struct first old = {sizeof old, 1};
    struct ours same = {sizeof same, 1, 2}, got = {9, 9, 9};
    struct later next = {sizeof next, 1, 2, 3};

    CHECK(FIRST == sizeof old);
    CHECK(musubi_grow_in(&got, sizeof got, &old, FIRST) && got.struct_size == sizeof got && got.a == 1 && got.b == 0);
    CHECK(musubi_grow_in(&got, sizeof got, &same, FIRST) && got.a == 1 && got.b == 2);
    got.b = 9;
    CHECK(!musubi_grow_in(&got, sizeof got, &next, FIRST) && got.b == 9);
    next.c = 0;
    CHECK(musubi_grow_in(&got, sizeof got, &next, FIRST) && got.struct_size == sizeof got && got.b == 2);
    old.struct_size--;
    CHECK(!musubi_grow_in(&got, sizeof got, &old, FIRST));
    old.struct_size = MUSUBI_GROW_MAX + 1; /* nothing behind old is read: AddressSanitizer would tell */
    CHECK(!musubi_grow_in(&got, sizeof got, &old, FIRST) && !musubi_size_fits(UINT32_MAX, FIRST) && !musubi_size_fits(0, FIRST));

    got = (struct ours){sizeof got, 10, 20};
    old.struct_size = sizeof old;
    musubi_grow_out(&old, &got, sizeof got);
    CHECK(old.struct_size == sizeof old && old.a == 10);
    musubi_grow_out(&same, &got, sizeof got);
    CHECK(same.struct_size == sizeof same && same.a == 10 && same.b == 20);
    next.c = 3;
    musubi_grow_out(&next, &got, sizeof got);
    CHECK(next.struct_size == sizeof next && next.a == 10 && next.b == 20 && next.c == 3);
    return 0;
}
