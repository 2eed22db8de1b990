using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Musubi
{
    /// <summary>One player's identity, link to the server and peers.
    /// <para>Any thread may call any member at any time, but one at a time polls. Nothing calls back. Once a frame: poll until
    /// nothing is left, let the game run, send with <see cref="SendFlags.NoWake"/>, <see cref="Flush"/>. Polling and sending
    /// make no garbage.</para>
    /// <para>What must be called rarely throws <see cref="MusubiException"/> when the library refuses; sending returns a code,
    /// because a full queue or a peer that has just left is everyday life. After <see cref="Dispose"/> every member throws
    /// ObjectDisposedException.</para></summary>
    public sealed unsafe partial class Client : IDisposable
    {
        private long handle; // 0: disposed

        /// <summary>Makes a client and starts its work; no packet is sent yet. Throws if the native library is missing, is of
        /// another version, or refuses the options.</summary>
        public Client(ClientOptions options)
        {
            if (options == null)
                throw new ArgumentNullException("options");
            Library.Check();
            handle = (long)options.Create();
            LiveClients.Add(this);
        }

        /// <summary>Makes a client for a server's address, with default options.</summary>
        public Client(string server) : this(new ClientOptions(server)) { }

        /// <summary>Ends a client that was forgotten. Like <see cref="Dispose"/> it may take up to a second, in which no other
        /// finalizer runs: dispose your clients.</summary>
        ~Client() { End(); }

        /// <summary>Says goodbye to peers and server, ends the client's work and frees it. Blocks until messages accepted before
        /// are delivered, at most one second. A second call does nothing. Other threads that use the client meanwhile get
        /// ObjectDisposedException. No other thread may be reading an event's data: that memory goes.</summary>
        public void Dispose()
        {
            End();
            GC.SuppressFinalize(this);
        }

        private void End()
        {
            ulong h = (ulong)Interlocked.Exchange(ref handle, 0);
            if (h == 0)
                return;
            LiveClients.Remove(this);
            unchecked { turn++; } // events of before are over
            NativeMethods.musubi_destroy(h);
        }

        /// <summary>Whether <see cref="Dispose"/> was called.</summary>
        public bool IsDisposed { get { return Volatile.Read(ref handle) == 0; } }

        /// <summary>The library's handle, for code that calls it directly.</summary>
        public ulong Handle
        {
            get
            {
                long h = Volatile.Read(ref handle);
                if (h == 0)
                    throw Disposed();
                return (ulong)h;
            }
        }

        private static ObjectDisposedException Disposed() { return new ObjectDisposedException("Musubi.Client"); }

        /// <summary>Throws unless the library said ok, or a count.</summary>
        internal static void Check(string what, int code)
        {
            if (code >= 0)
                return;
            if (code == (int)ResultCode.Handle)
                throw Disposed(); // on another thread, a moment ago
            throw new MusubiException((ResultCode)code, "could not " + what + ": " + Utf8.Read(NativeMethods.musubi_strerror(code)));
        }

        /// <summary>Connects to the server; ServerConnected or ServerLost follows. After that the client keeps the link by
        /// itself.</summary>
        public void Connect() { Check("connect", NativeMethods.musubi_connect(Handle)); }

        /// <summary>Leaves the server, and the room (RoomLeft follows). Connections to peers stay.</summary>
        public void Disconnect() { Check("disconnect", NativeMethods.musubi_disconnect(Handle)); }

        /// <summary>Makes a room and enters it; RoomJoined with the join code, or RoomLeft with a reason, follows.</summary>
        /// <param name="maxMembers">this client included, 2 to <see cref="Limits.MaxRoomMembers"/>; 0: 16</param>
        /// <param name="data">the room's metadata, at most <see cref="Limits.MaxRoomData"/> bytes</param>
        public void CreateRoom(int maxMembers = 0, ReadOnlySpan<byte> data = default(ReadOnlySpan<byte>))
        {
            fixed (byte* p = &MemoryMarshal.GetReference(data))
                Check("make a room", NativeMethods.musubi_room_create(Handle, (uint)maxMembers, p, (uint)data.Length));
        }

        /// <summary>Enters the room with a join code, as players type it; RoomJoined, or RoomLeft with a reason, follows.</summary>
        public void JoinRoom(string code)
        {
            fixed (byte* p = Utf8.Zero(code))
                Check("join a room", NativeMethods.musubi_room_join(Handle, p));
        }

        /// <summary>Leaves the room and closes the connections to its members; RoomLeft and PeerClosed follow.</summary>
        public void LeaveRoom() { Check("leave the room", NativeMethods.musubi_room_leave(Handle)); }

        /// <summary>Replaces the room's metadata, at most <see cref="Limits.MaxRoomData"/> bytes; every member gets RoomData. Only
        /// the owner may, or with RoomFlags.Shared everybody: others get RequestFailed.</summary>
        public void SetRoomData(ReadOnlySpan<byte> data)
        {
            fixed (byte* p = &MemoryMarshal.GetReference(data))
                Check("set the room's data", NativeMethods.musubi_room_set_data(Handle, p, (uint)data.Length));
        }

        /// <summary>Hosts a game for players in the same local network, without any server. ServerConnected and RoomJoined with
        /// the join code follow.</summary>
        /// <param name="maxMembers">this client included, 2 to <see cref="Limits.MaxRoomMembers"/>; 0: 16</param>
        /// <param name="data">what browsing players see, at most <see cref="Limits.MaxLanData"/> bytes</param>
        public void HostLan(int maxMembers = 0, ReadOnlySpan<byte> data = default(ReadOnlySpan<byte>))
        {
            fixed (byte* p = &MemoryMarshal.GetReference(data))
                Check("host in the local network", NativeMethods.musubi_lan_host(Handle, (uint)maxMembers, p, (uint)data.Length));
        }

        /// <summary>Starts or stops looking for hosts of the same app in the local network; LanFound and LanLost follow.</summary>
        public void BrowseLan(bool on = true) { Check("browse the local network", NativeMethods.musubi_lan_browse(Handle, on ? 1u : 0u)); }

        /// <summary>Joins a host in the local network, at the address that LanFound gives, or "192.168.1.5", by its join
        /// code.</summary>
        public void JoinLan(string address, string code)
        {
            fixed (byte* a = Utf8.Zero(address), c = Utf8.Zero(code))
                Check("join in the local network", NativeMethods.musubi_lan_join(Handle, a, c));
        }

        /// <summary>Tells peers and server that this client may fall silent for at most maxMs milliseconds, 1 to
        /// <see cref="Limits.MaxSuspend"/>: its device goes to sleep or its window is hidden.</summary>
        public void Suspend(int maxMs) { Check("suspend", NativeMethods.musubi_suspend(Handle, (uint)maxMs)); }

        /// <summary>Ends a <see cref="Suspend"/>: what was held back leaves, links and paths are checked at once.</summary>
        public void Resume() { Check("resume", NativeMethods.musubi_resume(Handle)); }

        /// <summary>Tells that the machine's network changed (Wi-Fi to mobile): links and paths are checked at once.</summary>
        public void NetworkChanged() { Check("report a network change", NativeMethods.musubi_network_changed(Handle)); }

        /// <summary>Puts a bad network between this client and everybody, the server included, until the next call. For
        /// testing.</summary>
        public void Simulate(Simulation outgoing, Simulation incoming)
        {
            Simulation o = outgoing.Sized(), i = incoming.Sized();
            Check("simulate", NativeMethods.musubi_simulate(Handle, &o, &i));
        }

        /// <summary>The same by the name of a network that players have, both ways: see
        /// <see cref="Simulation.Preset"/>.</summary>
        public void Simulate(string preset)
        {
            Simulation outgoing, incoming;
            Simulation.Preset(preset, out outgoing, out incoming);
            Simulate(outgoing, incoming);
        }

        /// <summary>Ends a simulation.</summary>
        public void StopSimulation() { Check("end the simulation", NativeMethods.musubi_simulate(Handle, null, null)); }

        /// <summary>The state of the whole client: link, room, peers, queues, sums.</summary>
        public ClientStats GetStats()
        {
            ClientStats s = new ClientStats();
            s.structSize = (uint)sizeof(ClientStats);
            Check("read the client's statistics", NativeMethods.musubi_client_stats(Handle, &s));
            return s;
        }

        /// <summary>This client's public key, fresh for each client, by which server and other players know it. A new array of
        /// <see cref="Limits.IdentitySize"/> bytes.</summary>
        public byte[] GetIdentity()
        {
            byte[] key = new byte[Limits.IdentitySize];
            fixed (byte* p = key)
                Check("read the identity", NativeMethods.musubi_identity(Handle, p, (uint)key.Length));
            return key;
        }

        /// <summary>Gives a new access token, at most <see cref="Limits.MaxToken"/> bytes: for the next <see cref="Connect"/>, and if a
        /// server is connected at once; TokenSet follows then.</summary>
        public void SetToken(ReadOnlySpan<byte> token)
        {
            fixed (byte* p = &MemoryMarshal.GetReference(token))
                Check("set the token", NativeMethods.musubi_set_token(Handle, p, (uint)token.Length));
        }

        /// <summary>Gives the certificate that other players are shown, which the game's backend made for
        /// <see cref="GetIdentity"/>; at most <see cref="Limits.MaxCertificate"/> bytes.</summary>
        public void SetCertificate(ReadOnlySpan<byte> certificate)
        {
            fixed (byte* p = &MemoryMarshal.GetReference(certificate))
                Check("set the certificate", NativeMethods.musubi_set_certificate(Handle, p, (uint)certificate.Length));
        }

        /// <summary>Everything that is known, in words, with advice: for a log or a bug report.</summary>
        public string Dump()
        {
            byte[] text = new byte[4096];
            for (;;)
                fixed (byte* p = text)
                {
                    int size = NativeMethods.musubi_dump(Handle, p, (uint)text.Length);
                    Check("describe the client", size);
                    if (size < text.Length)
                        return Utf8.Read(p, size);
                    text = new byte[size + 1024]; // more for what is said by then
                }
        }

        /// <summary>What is known of the NAT; everything is unknown until NatProfiled.</summary>
        public NatInfo GetNatInfo()
        {
            NatInfo nat = new NatInfo();
            nat.structSize = (uint)sizeof(NatInfo);
            Check("read the NAT's kind", NativeMethods.musubi_nat_info(Handle, &nat));
            return nat;
        }
    }
}
