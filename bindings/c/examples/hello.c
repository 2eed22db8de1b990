/* Two players meet:  hello SERVER        makes a room and prints its code
 *                    hello SERVER CODE   enters that room */
#include <musubi.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    musubi_config config = {.struct_size = sizeof config, .server = argc > 1 ? argv[1] : ""};
    musubi_client client;
    musubi_event e;
    int32_t err = musubi_create(&config, &client);
    int greeted = 0;

    if (err != MUSUBI_OK) {
        fprintf(stderr, "%s\nusage: hello musubi://... [CODE]\n", musubi_strerror(err));
        return 2;
    }
    musubi_connect(client);
    if (argc > 2)
        musubi_room_join(client, argv[2]);
    else
        musubi_room_create(client, 2, NULL, 0);
    while (!greeted && musubi_wait(client, 120000) == 1) { /* a game polls once a frame instead of waiting */
        while (musubi_poll(client, &e, 1) == 1) {
            if (e.kind == MUSUBI_EVENT_ROOM_JOINED)
                printf("room %s, %d in it\n", (const char *)e.data, (int)e.count);
            else if (e.kind == MUSUBI_EVENT_PEER_CONNECTED)
                musubi_send(client, e.peer, MUSUBI_RELIABLE_ORDERED, 0, "hello", 5, 0, 0);
            else if (e.kind == MUSUBI_EVENT_MESSAGE)
                greeted = printf("the other player says: %s\n", (const char *)e.data);
            else if (e.kind == MUSUBI_EVENT_ROUTE_CHANGED)
                printf("now %s\n", e.route > MUSUBI_ROUTE_RELAY ? "direct" : "relayed");
            else if (e.kind == MUSUBI_EVENT_SERVER_LOST || e.kind == MUSUBI_EVENT_ROOM_LEFT)
                return fprintf(stderr, "%s\n", e.text), 1;
            fflush(stdout);
        }
    }
    musubi_destroy(client); /* delivers what was sent, then says goodbye */
    return greeted ? 0 : 1;
}
