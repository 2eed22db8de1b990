using System;

namespace Musubi
{
    /// <summary>What a client is made from. Only <see cref="Server"/> must be set, and not even that by a client that plays in
    /// the local network only. Zero and null mean the library's default.</summary>
    public sealed class ClientOptions
    {
        /// <summary>"musubi://host[:port]/[?tls=port]#key", as `musubi server` prints it.</summary>
        public string Server;

        /// <summary>The game: clients of different apps never meet. At most 64 bytes; null: "default".</summary>
        public string App;

        /// <summary>Wished user id, at most <see cref="Limits.MaxUserId"/> bytes; a token must grant it.</summary>
        public string User;

        /// <summary>Access token from the game's backend, at most <see cref="Limits.MaxToken"/> bytes.</summary>
        public byte[] Token;

        /// <summary>Local UDP address, "0.0.0.0:5000"; null: any.</summary>
        public string Bind;

        /// <summary>Manual accept, manual connect and so on.</summary>
        public ClientFlags Flags;

        /// <summary>Bytes accepted and not yet delivered, per peer: 64 KiB to 64 MiB; 0: 4 MiB.</summary>
        public int SendBudget;

        /// <summary>Ring from the game to the library: 64 KiB to 64 MiB; 0: 512 KiB.</summary>
        public int CommandBytes;

        /// <summary>Ring of payloads back: 2 MiB to 64 MiB; 0: 4 MiB.</summary>
        public int EventBytes;

        /// <summary>Processors that the library uses at a time, whole process: at most 64; 0: 2.</summary>
        public int MaxThreads;

        /// <summary>Soft limit of the library's heap in MiB, whole process; 0: 64.</summary>
        public int MemoryMib;

        /// <summary>Silence after which a peer counts as lost, milliseconds: 1 s to 10 min; 0: 10 s.</summary>
        public int IdleTimeoutMs;

        /// <summary>How far port prediction goes against NATs that give each destination another port.</summary>
        public Punch Punch;

        /// <summary>Packets a second while predicting ports: 50 to 2000; 0: by <see cref="Punch"/>.</summary>
        public int PunchRate;

        /// <summary>What other players may learn of this client's addresses.</summary>
        public Privacy Privacy;

        /// <summary>The key under which the game's backend signs identity certificates, <see cref="Limits.AppKeySize"/> bytes: every
        /// other player has to show a good one. Null: none is asked for, and the server is trusted to introduce the right
        /// players.</summary>
        public byte[] AppKey;

        /// <summary>Options with nothing set.</summary>
        public ClientOptions() { }

        /// <summary>Options for a server's address.</summary>
        public ClientOptions(string server) { Server = server; }

        /// <summary>Makes the client and starts its work.</summary>
        internal unsafe ulong Create()
        {
            NativeConfig c = new NativeConfig();
            ulong client = 0;
            byte[] server = Utf8.Zero(Server), app = Utf8.Zero(App), user = Utf8.Zero(User), bind = Utf8.Zero(Bind);

            c.structSize = (uint)sizeof(NativeConfig);
            c.flags = Flags;
            c.tokenSize = Token == null ? 0 : (uint)Token.Length;
            c.sendBudget = (uint)SendBudget;
            c.commandBytes = (uint)CommandBytes;
            c.eventBytes = (uint)EventBytes;
            c.maxThreads = (uint)MaxThreads;
            c.memoryMib = (uint)MemoryMib;
            c.idleTimeoutMs = (uint)IdleTimeoutMs;
            c.punch = Punch;
            c.punchRate = (uint)PunchRate;
            c.privacy = Privacy;
            if (AppKey != null && AppKey.Length != Limits.AppKeySize)
                throw new ArgumentException("an app key has " + Limits.AppKeySize + " bytes, this one " + AppKey.Length, "AppKey");
            fixed (byte* s = server, a = app, u = user, b = bind, t = Token, k = AppKey)
            {
                c.appKey = k;
                c.server = s;
                c.app = a;
                c.user = u;
                c.bind = b;
                c.token = t;
                Client.Check("make a client", NativeMethods.musubi_create(&c, &client));
            }
            return client;
        }
    }
}
