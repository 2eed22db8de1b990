using System;
using System.Runtime.InteropServices;

namespace Musubi
{
    public sealed unsafe partial class Client
    {
        /// <summary>Asks a member of the room for a connection; PeerConnected or PeerClosed follows. Both sides asking makes
        /// one.</summary>
        /// <param name="peer">from MemberJoined</param>
        /// <param name="data">shown to the other side in PeerRequest, at most <see cref="Limits.MaxRequestData"/> bytes</param>
        public void ConnectPeer(Peer peer, ReadOnlySpan<byte> data = default(ReadOnlySpan<byte>))
        {
            fixed (byte* p = &MemoryMarshal.GetReference(data))
                Check("connect to a peer", NativeMethods.musubi_peer_connect(Handle, peer.Id, p, (uint)data.Length));
        }

        /// <summary>Accepts a PeerRequest; PeerConnected or PeerClosed follows.</summary>
        public void Accept(Peer peer) { Check("accept a peer", NativeMethods.musubi_peer_accept(Handle, peer.Id)); }

        /// <summary>Rejects a PeerRequest; the other side gets PeerClosed with Rejected and the text, at most
        /// <see cref="Limits.MaxCloseText"/> bytes.</summary>
        public void Reject(Peer peer, string text = null)
        {
            fixed (byte* p = Utf8.Zero(text))
                Check("reject a peer", NativeMethods.musubi_peer_reject(Handle, peer.Id, p));
        }

        /// <summary>Closes a connection after delivering what was accepted before, for at most 2 s; PeerClosed follows on both
        /// sides. One that is still coming up and a PeerRequest end too; PeerClosed follows here only if the game had PeerConnected,
        /// or asked for it or accepted it.</summary>
        /// <param name="peer">whom</param>
        /// <param name="code">0 or a positive number of the game's own, which the other side gets</param>
        /// <param name="text">a sentence, at most <see cref="Limits.MaxCloseText"/> bytes</param>
        public void Close(Peer peer, int code = 0, string text = null)
        {
            fixed (byte* p = Utf8.Zero(text))
                Check("close a connection", NativeMethods.musubi_peer_close(Handle, peer.Id, code, p));
        }

        /// <summary>Tries again, now, to reach a connected peer directly; Punch and perhaps RouteChanged follow.</summary>
        public void PunchPeer(Peer peer) { Check("go direct", NativeMethods.musubi_peer_punch(Handle, peer.Id)); }

        /// <summary>The figures of one connection, at most 100 ms old. False: it has none yet, or the peer has gone.</summary>
        public bool TryGetStats(Peer peer, out PeerStats stats)
        {
            PeerStats s = new PeerStats();
            s.structSize = (uint)sizeof(PeerStats);
            int code = NativeMethods.musubi_peer_stats(Handle, peer.Id, &s);
            stats = s;
            if (code == (int)ResultCode.NotConnected || code == (int)ResultCode.Peer)
                return false;
            Check("read a peer's statistics", code);
            return true;
        }
    }
}
