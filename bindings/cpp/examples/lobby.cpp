// A lobby by join code: players come, say that they are ready, and the owner starts the game when all of them are.
//   musubi_lobby SERVER NAME PLAYERS          makes a room for so many players and prints its code
//   musubi_lobby SERVER NAME PLAYERS CODE     enters it
#include <cstdio>
#include <cstdlib>
#include <map>
#include <musubi.hpp>
#include <string>

namespace {

enum : uint8_t { chat = 0, start = 1 }; // channels

struct Lobby {
    const musubi::Client &client;
    std::string name;
    std::size_t players;
    bool owner;
    std::map<musubi_peer, std::string> others; // connected, by the name that they said; "" before

    // Whether all of them are ready, as far as this player knows.
    bool complete() const
    {
        std::size_t ready = 1;
        for (const auto &[peer, said] : others)
            ready += !said.empty();
        return ready == players;
    }

    // 0 the game starts, 1 it failed, -1 not yet.
    int handle(const musubi::Event &e)
    {
        switch (e.kind()) {
        case MUSUBI_EVENT_ROOM_JOINED:
            std::printf("room %s\n", e.data().text().data());
            break;
        case MUSUBI_EVENT_ROOM_DATA:
            std::printf("this is %s\n", e.data().text().data());
            break;
        case MUSUBI_EVENT_PEER_CONNECTED:
            others[e.peer()];
            client.send(e.peer(), musubi::Mode::reliable_ordered, chat, name).ignore();
            break;
        case MUSUBI_EVENT_PEER_CLOSED:
            others.erase(e.peer());
            break;
        case MUSUBI_EVENT_MESSAGE:
            if (e.channel() == start)
                return 0;
            others[e.peer()] = e.data().text();
            std::printf("%s is ready\n", others[e.peer()].c_str());
            if (!owner || !complete())
                break;
            client.room_configure(MUSUBI_ROOM_LOCKED).ignore(); // nobody comes in any more
            client.broadcast(musubi::Mode::reliable_ordered, start, {}).ignore();
            return 0;
        case MUSUBI_EVENT_SERVER_LOST:
        case MUSUBI_EVENT_ROOM_LEFT:
        case MUSUBI_EVENT_FAILED:
            std::fprintf(stderr, "%s\n", e.text().data());
            return 1;
        }
        std::fflush(stdout);
        return -1;
    }

    int run()
    {
        while (client.wait(60000).code() == 1) // a game polls once a frame instead of waiting
            for (musubi::Event e : client.poll()) {
                const int end = handle(e);
                if (end == 0)
                    std::printf("the game starts\n");
                if (end >= 0)
                    return end;
            }
        return 1;
    }
};

} // namespace

int main(int argc, char **argv)
{
    if (argc < 4) {
        std::fprintf(stderr, "usage: musubi_lobby musubi://... NAME PLAYERS [CODE]\n");
        return 2;
    }
    const auto players = static_cast<uint32_t>(std::atoi(argv[3]));
    musubi::Config config(argv[1]);
    musubi::Result why;
    config.app = "lobby";
    const musubi::Client client = musubi::Client::create(config, why);
    if (client)
        why = client.connect();
    if (why)
        why = argc > 4 ? client.room_join(argv[4]) : client.room_create(players, std::string(argv[2]) + "'s game");
    if (!why) {
        std::fprintf(stderr, "%s\n", why.text());
        return 1;
    }
    return Lobby{client, argv[2], players, argc <= 4, {}}.run();
}
