/* Musubi for C++17: a header over musubi.h that owns, converts and forwards, and does nothing else. No exceptions, no RTTI,
 * no allocation. Threads, the frame loop and results are as musubi.h says; constants are its own (MUSUBI_EVENT_MESSAGE).
 *
 *     musubi::Result why;
 *     musubi::Client client = musubi::Client::create(musubi::Config("musubi://..."), why);
 *     if (!client)
 *         return report(why.text());
 *     // once a frame:
 *     for (musubi::Event e : client.poll())
 *         if (e.kind() == MUSUBI_EVENT_MESSAGE)
 *             handle(e.peer(), e.data());           // valid until the next poll
 *     client.send(peer, musubi::Mode::unreliable, 0, state, MUSUBI_SEND_NO_WAKE);
 *     client.flush();
 *
 * An engine that loads the library by hand looks up one symbol, musubi_get_api, and gives its table to create; nothing of the
 * library is then linked. */
#ifndef MUSUBI_HPP
#define MUSUBI_HPP

#include <musubi.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace musubi {

/* What a call came to: 0 or a count, or a MUSUBI_ERR_ code. */
class [[nodiscard]] Result {
public:
    constexpr Result() noexcept = default;
    constexpr Result(int32_t code, const char *text = "") noexcept : code_(code), text_(text) {}

    constexpr explicit operator bool() const noexcept { return code_ >= 0; }
    constexpr int32_t code() const noexcept { return code_; }

    /* The library's sentence, "" for success. Static. */
    constexpr const char *text() const noexcept { return text_; }

    /* A full queue or send budget: everyday life, WRITABLE follows. */
    constexpr bool would_block() const noexcept { return code_ == MUSUBI_ERR_WOULD_BLOCK; }

    /* For calls whose failure does not matter. */
    constexpr void ignore() const noexcept {}

private:
    int32_t code_ = 0;
    const char *text_ = "";
};

/* Bytes that somebody else owns, like std::span<const uint8_t> of C++20. Made from whatever lies in one piece: arrays,
 * std::vector, std::string. */
class View {
public:
    constexpr View() noexcept = default;
    View(const void *data, std::size_t size) noexcept : data_(static_cast<const uint8_t *>(data)), size_(size) {}

    /* A text without its zero byte. */
    View(const char *text) noexcept : View(std::string_view(text)) {}

    /* Containers of plain values, with data() and size(). */
    template <class Container, class Item = std::remove_pointer_t<decltype(std::declval<const Container &>().data())>>
    View(const Container &c) noexcept : View(c.data(), c.size() * sizeof(Item))
    {
        static_assert(std::is_trivially_copyable_v<Item>, "only plain values can be sent as their bytes");
    }

    constexpr const uint8_t *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr const uint8_t *begin() const noexcept { return data_; }
    constexpr const uint8_t *end() const noexcept { return data_ + size_; }
    constexpr uint8_t operator[](std::size_t i) const noexcept { return data_[i]; }

    /* The same bytes as text. */
    std::string_view text() const noexcept { return {reinterpret_cast<const char *>(data_), size_}; }

private:
    const uint8_t *data_ = nullptr;
    std::size_t size_ = 0;
};

/* A message's delivery promise. */
enum class Mode : uint32_t {
    reliable_ordered = MUSUBI_RELIABLE_ORDERED,
    reliable_unordered = MUSUBI_RELIABLE_UNORDERED,
    unreliable = MUSUBI_UNRELIABLE,
    unreliable_sequenced = MUSUBI_UNRELIABLE_SEQUENCED
};

/* Flags for a message of an unreliable mode that is dropped if it has not left after so many milliseconds, 1 to 65535. */
constexpr uint32_t deadline(uint16_t ms) noexcept { return uint32_t{ms} << MUSUBI_SEND_DEADLINE_SHIFT; }

/* Structs of musubi.h with their size set and the rest zero. Texts in a Config need to live until create has returned. */
struct Config : musubi_config {
    Config() noexcept : musubi_config{} { struct_size = sizeof(musubi_config); }
    explicit Config(const char *address) noexcept : Config() { server = address; }
};
struct Stats : musubi_stats {
    Stats() noexcept : musubi_stats{} { struct_size = sizeof(musubi_stats); }
};
struct Nat : musubi_nat {
    Nat() noexcept : musubi_nat{} { struct_size = sizeof(musubi_nat); }
};
struct Totals : musubi_totals {
    Totals() noexcept : musubi_totals{} { struct_size = sizeof(musubi_totals); }
};
struct Message : musubi_message {
    Message() noexcept : musubi_message{} { struct_size = sizeof(musubi_message); }
    Message(musubi_peer to, Mode how, uint32_t on, View bytes, uint32_t flags_ = 0, uint64_t id_ = 0) noexcept : Message()
    {
        peer = to;
        mode = static_cast<uint32_t>(how);
        channel = on;
        flags = flags_;
        id = id_;
        data = bytes.data();
        size = bytes.size() > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(bytes.size());
    }
};
struct RoomConfig : musubi_room_config {
    RoomConfig() noexcept : musubi_room_config{} { struct_size = sizeof(musubi_room_config); }
    explicit RoomConfig(uint32_t flags_, View bytes = {}, const char *password_ = nullptr) noexcept : RoomConfig()
    {
        flags = flags_;
        password = password_;
        data = bytes.data();
        size = bytes.size() > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(bytes.size());
    }
};
struct JoinConfig : musubi_join_config {
    JoinConfig() noexcept : musubi_join_config{} { struct_size = sizeof(musubi_join_config); }
    explicit JoinConfig(const char *password_, View bytes = {}) noexcept : JoinConfig()
    {
        password = password_;
        data = bytes.data();
        size = bytes.size() > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(bytes.size());
    }
};
struct Simulation : musubi_simulation {
    Simulation() noexcept : musubi_simulation{} { struct_size = sizeof(musubi_simulation); }
};

/* One thing that happened, as the poll handed it out. What it shows ends with the next poll, or the client. */
class Event {
public:
    explicit Event(const musubi_event &e) noexcept : e_(&e) {}

    uint32_t kind() const noexcept { return e_->kind; } /* MUSUBI_EVENT_; says which of the others count */
    int32_t code() const noexcept { return e_->code; }
    musubi_peer peer() const noexcept { return e_->peer; }
    uint64_t count() const noexcept { return e_->count; }
    View data() const noexcept { return {e_->data, e_->data_size}; }
    std::string_view text() const noexcept { return {e_->text, e_->text_size}; } /* a zero byte follows */
    Mode mode() const noexcept { return static_cast<Mode>(e_->mode); }
    uint8_t channel() const noexcept { return e_->channel; }
    uint8_t route() const noexcept { return e_->route; }     /* MUSUBI_ROUTE_ */
    uint32_t rtt_us() const noexcept { return e_->rtt_us; }  /* microseconds */
    const musubi_event &raw() const noexcept { return *e_; } /* all of it */

private:
    const musubi_event *e_;
};

class Client;

/* The events that wait, for one range-for. It takes them in batches, also those that come meanwhile, and ends when there are
 * no more or the client was reset inside the loop. */
class Events {
public:
    explicit Events(const Client &client) noexcept;
    Events(const Events &) = delete;
    Events &operator=(const Events &) = delete;

    struct End {};
    class Iterator {
    public:
        explicit Iterator(Events *events) noexcept : events_(events) {}
        Event operator*() const noexcept { return Event(events_->batch_[events_->next_]); }
        Iterator &operator++() noexcept
        {
            events_->advance();
            return *this;
        }
        bool operator!=(End) const noexcept { return events_->count_ > 0; }

    private:
        Events *events_;
    };
    Iterator begin() noexcept
    {
        refill();
        return Iterator(this);
    }
    End end() const noexcept { return {}; }

private:
    static constexpr int32_t batch_size = 32; /* 2 KiB of stack */

    void refill() noexcept;
    void advance() noexcept;

    const Client *client_;
    musubi_client handle_;
    int32_t next_ = 0, count_ = 0; /* count_ 0: no more */
    musubi_event batch_[batch_size];
};

/* The table of the library that this program is linked with. */
inline const musubi_api *linked() noexcept
{
    return musubi_abi_version() == MUSUBI_ABI_VERSION ? musubi_get_api(MUSUBI_ABI_VERSION) : nullptr;
}

/* A client: one player's identity, link to the server and peers. Moves, never copies; its end is musubi_destroy, which may
 * take up to one second to deliver what was accepted. A client that was moved from, reset or never made answers every call
 * with MUSUBI_ERR_HANDLE. What each call does, and its errors, is said in musubi.h at the function of the same name. */
class Client {
public:
    Client() noexcept = default;
    Client(Client &&other) noexcept : api_(std::exchange(other.api_, nullptr)), handle_(std::exchange(other.handle_, 0)) {}
    Client &operator=(Client &&other) noexcept
    {
        if (this != &other) {
            reset();
            api_ = std::exchange(other.api_, nullptr);
            handle_ = std::exchange(other.handle_, 0);
        }
        return *this;
    }
    Client(const Client &) = delete;
    Client &operator=(const Client &) = delete;
    ~Client() { reset(); }

    /* Makes a client and starts its work; one that is false, and why, if that fails. */
    static Client create(const musubi_config &config, Result &why) noexcept { return create(config, why, linked()); }

    /* The same for a library that was loaded by hand: api is what its musubi_get_api(MUSUBI_ABI_VERSION) returned. */
    static Client create(const musubi_config &config, Result &why, const musubi_api *api) noexcept
    {
        Client c;
        if (api == nullptr || api->struct_size < sizeof(musubi_api) || api->event_size != sizeof(musubi_event)) {
            why = Result(MUSUBI_ERR_VERSION, "the loaded musubi library has another version than musubi.hpp: ship the library that the program was built with");
            return c;
        }
        c.api_ = api;
        why = c.result(api->create(&config, &c.handle_));
        return c;
    }

    explicit operator bool() const noexcept { return handle_ != 0; }
    musubi_client handle() const noexcept { return handle_; }

    /* Ends the client now. */
    void reset() noexcept
    {
        if (handle_ != 0)
            api_->destroy(std::exchange(handle_, 0));
        api_ = nullptr;
    }

    Result connect() const noexcept { return call(&musubi_api::connect); }
    Result disconnect() const noexcept { return call(&musubi_api::disconnect); }

    Result room_create(uint32_t max_members = 0, View data = {}) const noexcept
    {
        return call(&musubi_api::room_create, max_members, data.data(), size(data));
    }
    Result room_join(const char *code) const noexcept { return call(&musubi_api::room_join, code); }

    /* With options: MUSUBI_ROOM_ flags, a password. */
    Result room_create(const musubi_room_config &room) const noexcept { return call(&musubi_api::room_create_with, &room); }
    Result room_join(const char *code, const musubi_join_config &join) const noexcept { return call(&musubi_api::room_join_with, code, &join); }

    Result room_leave() const noexcept { return call(&musubi_api::room_leave); }
    Result room_set_data(View data) const noexcept { return call(&musubi_api::room_set_data, data.data(), size(data)); }

    /* version: count of the last ROOM_DATA; another by then: ROOM_DATA with MUSUBI_ERR_CONFLICT. */
    Result room_set_data_if(uint32_t version, View data) const noexcept
    {
        return call(&musubi_api::room_set_data_if, version, data.data(), size(data));
    }
    Result room_configure(uint32_t set, uint32_t clear = 0, uint32_t max_members = 0) const noexcept
    {
        return call(&musubi_api::room_configure, set, clear, max_members);
    }
    Result room_set_owner(musubi_peer peer) const noexcept { return call(&musubi_api::room_set_owner, peer); }
    Result room_kick(musubi_peer peer, uint32_t flags = 0, const char *text = nullptr) const noexcept
    {
        return call(&musubi_api::room_kick, peer, flags, text);
    }

    /* request: count of the JOIN_REQUEST. */
    Result room_admit(uint64_t request, bool accept = true, const char *text = nullptr) const noexcept
    {
        return call(&musubi_api::room_admit, request, uint32_t{accept}, text);
    }

    /* after: data of the ROOM_LIST_END before. */
    Result room_list(View prefix = {}, View after = {}, uint32_t max_rooms = 0) const noexcept
    {
        return call(&musubi_api::room_list, prefix.data(), size(prefix), after.data(), size(after), max_rooms);
    }
    Result user_query(const char *user) const noexcept { return call(&musubi_api::user_query, user); }
    Result user_invite(const char *user, View data = {}) const noexcept
    {
        return call(&musubi_api::user_invite, user, data.data(), size(data));
    }

    Result peer_connect(musubi_peer peer, View data = {}) const noexcept
    {
        return call(&musubi_api::peer_connect, peer, data.data(), size(data));
    }
    Result peer_accept(musubi_peer peer) const noexcept { return call(&musubi_api::peer_accept, peer); }
    Result peer_reject(musubi_peer peer, const char *text = nullptr) const noexcept { return call(&musubi_api::peer_reject, peer, text); }
    Result peer_close(musubi_peer peer, int32_t code = 0, const char *text = nullptr) const noexcept
    {
        return call(&musubi_api::peer_close, peer, code, text);
    }
    Result peer_punch(musubi_peer peer) const noexcept { return call(&musubi_api::peer_punch, peer); }

    /* flags: MUSUBI_SEND_, deadline(ms). id: 0, or a number that one DELIVERED repeats. */
    Result send(musubi_peer peer, Mode mode, uint32_t channel, View data, uint32_t flags = 0, uint64_t id = 0) const noexcept
    {
        return call(&musubi_api::send, peer, static_cast<uint32_t>(mode), channel, data.data(), size(data), flags, id);
    }
    /* Code: how many were accepted, from the front. */
    Result send_batch(const Message *messages, std::size_t count) const noexcept
    {
        return call(&musubi_api::send_batch, static_cast<const musubi_message *>(messages), count > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(count));
    }

    /* To every connected peer. Code: how many took it. refused: see musubi.h. */
    Result broadcast(Mode mode, uint32_t channel, View data, uint32_t flags = 0, musubi_peer *refused = nullptr,
                     uint32_t max_refused = 0) const noexcept
    {
        return call(&musubi_api::broadcast, static_cast<uint32_t>(mode), channel, data.data(), size(data), flags, refused, max_refused);
    }
    Result flush() const noexcept { return call(&musubi_api::flush); }

    /* For range-for; one thread at a time. */
    Events poll() const noexcept { return Events(*this); }

    /* At most max events into an array of yours. */
    Result poll(musubi_event *events, uint32_t max) const noexcept { return call(&musubi_api::poll, events, max); }

    /* Code 1: there is an event, 0: time is over. For tools and servers. */
    Result wait(uint32_t timeout_ms) const noexcept { return call(&musubi_api::wait, timeout_ms); }

    Result peer_stats(musubi_peer peer, Stats &stats) const noexcept
    {
        return call(&musubi_api::peer_stats, peer, static_cast<musubi_stats *>(&stats));
    }
    Result stats(Totals &totals) const noexcept { return call(&musubi_api::client_stats, static_cast<musubi_totals *>(&totals)); }
    Result identity(uint8_t (&key)[MUSUBI_IDENTITY_SIZE]) const noexcept
    {
        return call(&musubi_api::identity, static_cast<uint8_t *>(key), static_cast<uint32_t>(sizeof key));
    }

    Result set_token(View token) const noexcept
    {
        return call(&musubi_api::set_token, static_cast<const uint8_t *>(token.data()), size(token));
    }
    Result set_certificate(View certificate) const noexcept
    {
        return call(&musubi_api::set_certificate, static_cast<const uint8_t *>(certificate.data()), size(certificate));
    }

    /* What is known, in words, into an array of yours. Code: length of the whole text. */
    Result dump(char *text, uint32_t size) const noexcept { return call(&musubi_api::dump, text, size); }
    Result nat_info(Nat &nat) const noexcept { return call(&musubi_api::nat_info, static_cast<musubi_nat *>(&nat)); }
    Result network_changed() const noexcept { return call(&musubi_api::network_changed); }

    /* nullptr: nothing happens to that direction. */
    Result simulate(const Simulation *outgoing, const Simulation *incoming) const noexcept
    {
        return call(&musubi_api::simulate, static_cast<const musubi_simulation *>(outgoing), static_cast<const musubi_simulation *>(incoming));
    }
    Result simulate(const char *preset) const noexcept
    {
        Simulation outgoing, incoming;
        if (api_ == nullptr)
            return call(&musubi_api::flush);
        Result r = result(api_->simulation_preset(preset, &outgoing, &incoming));
        return r ? simulate(&outgoing, &incoming) : r;
    }

    Result lan_host(uint32_t max_members = 0, View data = {}) const noexcept
    {
        return call(&musubi_api::lan_host, max_members, data.data(), size(data));
    }
    Result lan_browse(bool on = true) const noexcept { return call(&musubi_api::lan_browse, uint32_t{on}); }
    Result lan_join(const char *address, const char *code) const noexcept { return call(&musubi_api::lan_join, address, code); }

    Result suspend(uint32_t max_ms) const noexcept { return call(&musubi_api::suspend, max_ms); }
    Result resume() const noexcept { return call(&musubi_api::resume); }

private:
    Result result(int32_t code) const noexcept { return code >= 0 ? Result(code) : Result(code, api_->strerror(code)); }

    template <class... Parameters, class... Arguments>
    Result call(int32_t (*musubi_api::*function)(musubi_client, Parameters...), Arguments... arguments) const noexcept
    {
        if (api_ == nullptr)
            return Result(MUSUBI_ERR_HANDLE, "this object holds no client: none was created, or it was moved from or destroyed");
        return result((api_->*function)(handle_, arguments...));
    }

    /* A size that the library refuses as too large, where a cut one would pass. */
    static uint32_t size(View data) noexcept
    {
        return data.size() > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(data.size());
    }

    const musubi_api *api_ = nullptr;
    musubi_client handle_ = 0;
};

inline Events::Events(const Client &client) noexcept : client_(&client), handle_(client.handle()) {}

inline void Events::refill() noexcept
{
    next_ = 0;
    count_ = 0;
    if (handle_ == 0 || client_->handle() != handle_)
        return; /* reset inside the loop: the batch is gone */
    const int32_t n = client_->poll(batch_, batch_size).code();
    if (n > 0)
        count_ = n;
}

inline void Events::advance() noexcept
{
    if (++next_ == count_ || client_->handle() != handle_)
        refill();
}

} // namespace musubi

#endif // MUSUBI_HPP
