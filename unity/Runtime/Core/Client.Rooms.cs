using System;
using System.Runtime.InteropServices;

namespace Musubi
{
    /// <summary>What a room is made like. Nothing must be set.</summary>
    public sealed class RoomOptions
    {
        /// <summary>Members, this client included, 2 to <see cref="Limits.MaxRoomMembers"/>; 0: 16.</summary>
        public int MaxMembers;

        /// <summary>Public, locked, ask, shared.</summary>
        public RoomFlags Flags;

        /// <summary>The room's metadata, at most <see cref="Limits.MaxRoomData"/> bytes.</summary>
        public byte[] Data;

        /// <summary>At most <see cref="Limits.MaxPassword"/> bytes in UTF-8; null: none. It never reaches the server: members with
        /// another one are not connected (PeerClosed with BadPassword). Choose a long one, who is introduced can guess at
        /// home.</summary>
        public string Password;
    }

    public sealed unsafe partial class Client
    {
        /// <summary>Makes a room with options and enters it; RoomJoined with the join code, or RoomLeft with a reason,
        /// follows.</summary>
        public void CreateRoom(RoomOptions options)
        {
            if (options == null)
                throw new ArgumentNullException("options");
            NativeRoomConfig c = new NativeRoomConfig();
            c.structSize = (uint)sizeof(NativeRoomConfig);
            c.flags = (uint)options.Flags;
            c.maxMembers = (uint)options.MaxMembers;
            c.size = options.Data == null ? 0 : (uint)options.Data.Length;
            fixed (byte* d = options.Data, p = Utf8.Zero(options.Password))
            {
                c.data = d;
                c.password = p;
                Check("make a room", NativeMethods.musubi_room_create_with(Handle, &c));
            }
        }

        /// <summary>Enters a room that has a password, or whose owner decides; RoomJoined, or RoomLeft with a reason,
        /// follows.</summary>
        /// <param name="code">as players type it</param>
        /// <param name="password">null: none</param>
        /// <param name="data">shown to an owner who decides, at most <see cref="Limits.MaxRequestData"/> bytes</param>
        public void JoinRoom(string code, string password, ReadOnlySpan<byte> data = default(ReadOnlySpan<byte>))
        {
            NativeJoinConfig c = new NativeJoinConfig();
            c.structSize = (uint)sizeof(NativeJoinConfig);
            c.size = (uint)data.Length;
            fixed (byte* d = &MemoryMarshal.GetReference(data), p = Utf8.Zero(password), text = Utf8.Zero(code))
            {
                c.data = d;
                c.password = p;
                Check("join a room", NativeMethods.musubi_room_join_with(Handle, text, &c));
            }
        }

        /// <summary>Changes the room's options; every member gets RoomOptions. Only the owner may: others get
        /// RequestFailed.</summary>
        /// <param name="set">flags to set</param>
        /// <param name="clear">flags to clear</param>
        /// <param name="maxMembers">2 to <see cref="Limits.MaxRoomMembers"/>; 0: as it is</param>
        public void ConfigureRoom(RoomFlags set, RoomFlags clear = 0, int maxMembers = 0)
        {
            Check("change the room", NativeMethods.musubi_room_configure(Handle, (uint)set, (uint)clear, (uint)maxMembers));
        }

        /// <summary>Replaces the room's metadata while its version is still that of the last RoomData (its Count; 1 if none came since
        /// RoomJoined); otherwise this client gets RoomData with Conflict and what is there now.</summary>
        public void SetRoomDataIf(uint version, ReadOnlySpan<byte> data)
        {
            fixed (byte* p = &MemoryMarshal.GetReference(data))
                Check("set the room's data", NativeMethods.musubi_room_set_data_if(Handle, version, p, (uint)data.Length));
        }

        /// <summary>Gives the room to another member; every member gets OwnerChanged. Only the owner may.</summary>
        public void SetRoomOwner(Peer peer) { Check("make another member the owner", NativeMethods.musubi_room_set_owner(Handle, peer.Id)); }

        /// <summary>Puts a member out of the room, and ends the connections to it: it gets RoomLeft with Kicked and the text. Only
        /// the owner may.</summary>
        /// <param name="peer">whom</param>
        /// <param name="flags">Ban: it does not come back while the room lives</param>
        /// <param name="text">a sentence for it, at most <see cref="Limits.MaxCloseText"/> bytes</param>
        public void Kick(Peer peer, KickFlags flags = 0, string text = null)
        {
            fixed (byte* p = Utf8.Zero(text))
                Check("remove a member", NativeMethods.musubi_room_kick(Handle, peer.Id, (uint)flags, p));
        }

        /// <summary>Answers a JoinRequest, whose Count is the request: lets it in, or refuses with a sentence.</summary>
        public void Admit(ulong request, bool accept = true, string text = null)
        {
            fixed (byte* p = Utf8.Zero(text))
                Check("answer a join request", NativeMethods.musubi_room_admit(Handle, request, accept ? 1u : 0u, p));
        }

        /// <summary>Asks for public rooms of this app: a RoomListed for each, then RoomListEnd.</summary>
        /// <param name="prefix">what their metadata must begin with, at most <see cref="Limits.MaxListPrefix"/> bytes</param>
        /// <param name="after">Data of the RoomListEnd before; empty: from the start</param>
        /// <param name="maxRooms">in one page; 0: <see cref="Limits.MaxListPage"/></param>
        public void ListRooms(ReadOnlySpan<byte> prefix = default(ReadOnlySpan<byte>), ReadOnlySpan<byte> after = default(ReadOnlySpan<byte>), int maxRooms = 0)
        {
            fixed (byte* p = &MemoryMarshal.GetReference(prefix), a = &MemoryMarshal.GetReference(after))
                Check("list rooms", NativeMethods.musubi_room_list(Handle, p, (uint)prefix.Length, a, (uint)after.Length, (uint)maxRooms));
        }

        /// <summary>Asks where a user of this app is; User follows.</summary>
        public void QueryUser(string user)
        {
            fixed (byte* p = Utf8.Zero(user))
                Check("look up a user", NativeMethods.musubi_user_query(Handle, p));
        }

        /// <summary>Invites a user of this app into the room that this client is in; InviteResult follows.</summary>
        /// <param name="user">its id</param>
        /// <param name="data">shown to it, at most <see cref="Limits.MaxRequestData"/> bytes</param>
        public void InviteUser(string user, ReadOnlySpan<byte> data = default(ReadOnlySpan<byte>))
        {
            fixed (byte* u = Utf8.Zero(user), p = &MemoryMarshal.GetReference(data))
                Check("invite a user", NativeMethods.musubi_user_invite(Handle, u, p, (uint)data.Length));
        }
    }
}
