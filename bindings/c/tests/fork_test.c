/* fork without exec: the child has the client's memory and none of its threads. Calls there must answer ERR_FORKED at
 * once, the child must be able to exit, and the parent must not notice. */
#include <musubi.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static void in_child(musubi_client c)
{
    musubi_config config = {.struct_size = sizeof config, .server = NO_SERVER};
    musubi_event e;
    musubi_client other;

    CHECK_CODE(musubi_create(&config, &other), MUSUBI_ERR_FORKED);
    CHECK_CODE(musubi_connect(c), MUSUBI_ERR_FORKED);
    CHECK_CODE(musubi_send(c, 1, 0, 0, "x", 1, 0, 0), MUSUBI_ERR_FORKED);
    CHECK_CODE(musubi_flush(c), MUSUBI_ERR_FORKED);
    CHECK_CODE(musubi_poll(c, &e, 1), MUSUBI_ERR_FORKED);
    CHECK_CODE(musubi_wait(c, 10000), MUSUBI_ERR_FORKED);
    CHECK_CODE(musubi_destroy(c), MUSUBI_ERR_FORKED);
    CHECK(strcmp(musubi_strerror(MUSUBI_ERR_FORKED), "not usable after fork()") == 0);
}

int main(void)
{
    musubi_config config = {.struct_size = sizeof config, .server = NO_SERVER};
    musubi_client c;
    int i;

    CHECK_CODE(musubi_create(&config, &c), 0);
    CHECK_CODE(musubi_connect(c), 0);
    for (i = 0; i < 20; i++) {
        uint64_t start = now_ns();
        int status = 0;
        pid_t child = fork();

        CHECK(child >= 0);
        if (child == 0) {
            in_child(c);
            exit(7); /* with atexit handlers and destructors, as a careless program does */
        }
        while (waitpid(child, &status, WNOHANG) == 0) {
            CHECK(now_ns() - start < 5000000000u);
            usleep(1000);
        }
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }
    CHECK_CODE(musubi_network_changed(c), 0);
    CHECK_CODE(musubi_destroy(c), 0);
    printf("children of fork() answered ERR_FORKED and exited\n");
    return 0;
}
