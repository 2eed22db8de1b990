// Round trips between two players, over whatever way the library finds.
//   musubi_ping SERVER         makes a room, prints its code, answers
//   musubi_ping SERVER CODE    enters it and sends ten pings
#include <chrono>
#include <cstdio>
#include <musubi.hpp>

namespace {

using Clock = std::chrono::steady_clock;
constexpr int enough = 10;

bool failed(const musubi::Event &e)
{
    if (e.kind() != MUSUBI_EVENT_SERVER_LOST && e.kind() != MUSUBI_EVENT_ROOM_LEFT && e.kind() != MUSUBI_EVENT_FAILED)
        return false;
    std::fprintf(stderr, "%s\n", e.text().data());
    return true;
}

// Sends back what comes, until the other has enough.
int answer(const musubi::Client &client)
{
    while (client.wait(60000).code() == 1) // a game polls once a frame instead of waiting
        for (musubi::Event e : client.poll()) {
            if (e.kind() == MUSUBI_EVENT_ROOM_JOINED)
                std::printf("room %s\n", e.data().text().data());
            else if (e.kind() == MUSUBI_EVENT_MESSAGE)
                client.send(e.peer(), e.mode(), e.channel(), e.data(), MUSUBI_SEND_URGENT).ignore();
            else if (e.kind() == MUSUBI_EVENT_PEER_CLOSED)
                return 0;
            else if (failed(e))
                return 1;
            std::fflush(stdout);
        }
    return 1;
}

int ask(const musubi::Client &client)
{
    int sent = 0, answered = 0;
    Clock::time_point left; // when the last ping did

    while (answered < enough && client.wait(60000).code() == 1)
        for (musubi::Event e : client.poll()) {
            const bool message = e.kind() == MUSUBI_EVENT_MESSAGE;

            if (message)
                std::printf("ping %d: %.2f ms\n", ++answered, std::chrono::duration<double, std::milli>(Clock::now() - left).count());
            else if (failed(e))
                return 1;
            if (e.kind() == MUSUBI_EVENT_PEER_CONNECTED || (message && sent < enough)) {
                sent++;
                left = Clock::now();
                client.send(e.peer(), musubi::Mode::reliable_ordered, 0, {&sent, sizeof sent}, MUSUBI_SEND_URGENT).ignore();
            }
        }
    return answered == enough ? 0 : 1;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc < 2) {
        std::fprintf(stderr, "usage: musubi_ping musubi://... [CODE]\n");
        return 2;
    }
    musubi::Result why;
    const musubi::Client client = musubi::Client::create(musubi::Config(argv[1]), why);
    if (client)
        why = client.connect();
    if (why)
        why = argc > 2 ? client.room_join(argv[2]) : client.room_create(2);
    if (!why) {
        std::fprintf(stderr, "%s\n", why.text());
        return 1;
    }
    return argc > 2 ? ask(client) : answer(client);
}
