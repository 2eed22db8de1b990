namespace Musubi
{
    /// <summary>What a <see cref="StarHost"/> or <see cref="StarGuest"/> is made from.</summary>
    public sealed class StarOptions
    {
        /// <summary>The most guests that a room holds beside its host.</summary>
        public const int MostGuests = Limits.MaxRoomMembers - 1;

        /// <summary>Server, game, user, token and the like. An empty <see cref="ClientOptions.Server"/> means the local network: the
        /// host serves it, guests look for the host.</summary>
        public ClientOptions Client = new ClientOptions();

        /// <summary>Guests that a host takes, 1 to <see cref="MostGuests"/>.</summary>
        public int MaxGuests = 15;

        /// <summary>Milliseconds after which a guest that is not connected gives up, whatever it waits for.</summary>
        public int ConnectTimeoutMs = 20000;

        /// <summary>Bytes of the longest reliable message. Above <see cref="Limits.MaxReliable"/> it travels in pieces.</summary>
        public int MaxMessage = 16 * 1024 * 1024;

        /// <summary>Bytes of reliable messages that may wait for a slow connection, beside what the library itself holds. Above it the
        /// connection ends: a game that sends more than the network takes is too late anyway.</summary>
        public int MaxWaiting = 32 * 1024 * 1024;

        /// <summary>The room's password, which never reaches the server; null: none. Not in the local network, where the code is
        /// one.</summary>
        public string Password;

        /// <summary>What browsing players see and every guest gets.</summary>
        public byte[] RoomData;
    }
}
