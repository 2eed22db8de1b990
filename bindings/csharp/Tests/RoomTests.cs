using System;
using System.Text;
using Musubi;

/// <summary>Server, rooms, requests, local network, statistics, simulation.</summary>
internal static class RoomTests
{
    internal static void All()
    {
        Check.Run("connect, room, metadata, leave", Rooms);
        Check.Run("a wrong code", WrongCode);
        Check.Run("the owner leaves, another owns", Owner);
        Check.Run("requests: data, accept, reject", Requests);
        Check.Run("a lobby: list, door, password, invitation", LobbyOfRooms);
        Check.Run("owner, options, versions, kick", Owning);
        Check.Run("close with a code of the game's", Close);
        Check.Run("local network, without a server", Lan);
        Check.Run("figures, NAT, suspend, network change, punch", Figures);
        Check.Run("a bad network", BadNetwork);
    }

    private static byte[] Bytes(string text) { return Encoding.UTF8.GetBytes(text); }

    private static void Rooms()
    {
        using (Player a = new Player(), b = new Player())
        {
            a.Client.Connect();
            Check.That(a.Await(EventKind.ServerConnected).Text.Length > 0, "user id");
            a.Client.CreateRoom(2, Bytes("map 1"));
            Kept room = a.Await(EventKind.RoomJoined);
            Check.That(room.Peer.IsNone && room.Count == 1, "owner of a room of one");
            Check.Equal(ResultCode.Already, Check.Throws<MusubiException>(delegate { a.Client.CreateRoom(); }).Code, "twice");
            b.Client.Connect();
            b.Client.JoinRoom(room.DataText.ToLowerInvariant());
            Kept joined = b.Await(EventKind.RoomJoined);
            Check.That(!joined.Peer.IsNone && joined.Count == 2, "guest");
            Check.Equal("map 1", b.Await(EventKind.RoomData).DataText, "metadata");
            Check.Equal(joined.Peer, b.Await(EventKind.MemberJoined).Peer, "the owner is a member");
            a.Client.SetRoomData(Bytes("map 2"));
            Check.Equal("map 2", b.Await(EventKind.RoomData).DataText, "new metadata");
            b.Client.LeaveRoom();
            Check.Equal((int)ResultCode.Closed, b.Await(EventKind.RoomLeft).Code, "left");
            a.Await(EventKind.MemberLeft);
        }
    }

    private static void WrongCode()
    {
        using (Player a = new Player())
        {
            a.Client.Connect();
            a.Client.JoinRoom("WRONGONE");
            Kept left = a.Await(EventKind.RoomLeft);
            Check.That(left.Code == (int)ResultCode.BadCode && left.Text.Length > 0, "bad code: " + left.Text);
        }
    }

    private static void Owner()
    {
        using (Pair p = new Pair())
        {
            p.A.Client.LeaveRoom();
            Check.That(p.B.Await(EventKind.OwnerChanged).Peer.IsNone, "the other owns the room");
        }
    }

    private static void LobbyOfRooms()
    {
        using (Player a = new Player(), b = new Player(), shy = new Player(ClientFlags.NoInvites))
        {
            Check.Equal(ResultCode.NotConnected, Check.Throws<MusubiException>(delegate { a.Client.ListRooms(); }).Code, "no server");
            a.Client.Connect();
            a.Client.CreateRoom(new RoomOptions {
                MaxMembers = 3, Flags = RoomFlags.Public | RoomFlags.Ask, Data = Bytes("cs lobby"), Password = "sesame" });
            string code = a.Await(EventKind.RoomJoined).DataText;
            Kept options = a.Await(EventKind.RoomOptions);
            Check.That(options.Code == 3 && options.Count == (ulong)(RoomFlags.Public | RoomFlags.Ask | RoomFlags.Password), "options");
            b.Client.Connect();
            shy.Client.Connect();
            string name = b.Await(EventKind.ServerConnected).Text, shyName = shy.Await(EventKind.ServerConnected).Text;
            b.Client.ListRooms(Bytes("cs"));
            Kept listed = b.Await(EventKind.RoomListed);
            Check.That(listed.Text == code && listed.DataText == "cs lobby" && (uint)listed.Count == 1 && listed.Code == 3, "listed");
            Check.That(b.Await(EventKind.RoomListEnd).Data.Length == 0, "that was all");
            a.Client.QueryUser(name);
            Check.Equal((ulong)UserPresence.Online, a.Await(EventKind.User).Count, "presence");
            a.Client.InviteUser(name, Bytes("come"));
            Check.Equal(0, a.Await(EventKind.InviteResult).Code, "invited");
            Kept invited = b.Await(EventKind.Invited);
            Check.That(invited.Text == code && invited.DataText.EndsWith("\0come"), "invitation: " + invited.DataText);
            a.Client.InviteUser(shyName);
            Check.Equal((int)ResultCode.Rejected, a.Await(EventKind.InviteResult).Code, "who takes none");
            b.Client.JoinRoom(code, "sesame", Bytes("me"));
            Kept knock = a.Await(EventKind.JoinRequest);
            Check.That(knock.DataText == "me" && knock.Text == name, "at the door");
            a.Client.Admit(knock.Count);
            b.Await(EventKind.RoomJoined);
            a.Meet();
            b.Meet();
            shy.Client.JoinRoom(code, "wrong");
            a.Client.Admit(a.Await(EventKind.JoinRequest).Count);
            Check.Equal((int)ResultCode.BadPassword, shy.Await(EventKind.PeerClosed).Code, "another password");
            Check.Equal((int)ResultCode.BadPassword, a.Await(EventKind.PeerClosed).Code, "told on both sides");
        }
    }

    private static void Owning()
    {
        using (Pair p = new Pair())
        {
            p.A.Client.SetRoomDataIf(5, Bytes("x"));
            Kept conflict = p.A.Await(EventKind.RoomData);
            Check.That(conflict.Code == (int)ResultCode.Conflict && conflict.Count == 1, "conflict");
            p.A.Client.SetRoomDataIf(1, Bytes("x"));
            Check.Equal("x", p.B.Await(EventKind.RoomData).DataText, "the right version");
            p.A.Client.ConfigureRoom(RoomFlags.Locked, 0, 2);
            p.B.Await(EventKind.RoomOptions);
            Check.Equal(2, p.B.Await(EventKind.RoomOptions).Code, "for two");
            p.A.Client.SetRoomOwner(p.ToB);
            Check.That(p.B.Await(EventKind.OwnerChanged).Peer.IsNone, "handed over");
            p.A.Client.Kick(p.ToB);
            Check.Equal((int)ResultCode.NotOwner, p.A.Await(EventKind.RequestFailed).Code, "no longer the owner");
            p.B.Client.Kick(p.ToA, KickFlags.Ban, "thanks");
            Kept left = p.A.Await(EventKind.RoomLeft);
            Check.That(left.Code == (int)ResultCode.Kicked && left.Text == "thanks", "put out: " + left.Text);
            Check.Equal((int)ResultCode.Kicked, p.A.Await(EventKind.PeerClosed).Code, "connection ended");
        }
    }

    private static void Requests()
    {
        using (Player a = new Player(ClientFlags.ManualAccept), b = new Player(ClientFlags.ManualConnect))
        {
            b.Join(a.Host());
            Peer host = b.Await(EventKind.MemberJoined).Peer;
            b.Client.ConnectPeer(host, Bytes("let me in"));
            Kept request = a.Await(EventKind.PeerRequest);
            Check.Equal("let me in", request.DataText, "payload");
            a.Client.Reject(request.Peer, "no: too late");
            Kept closed = b.Await(EventKind.PeerClosed);
            Check.That(closed.Code == (int)ResultCode.Rejected && closed.Text.Contains("too late"), "rejected: " + closed.Text);
            b.Client.ConnectPeer(host);
            a.Client.Accept(a.Await(EventKind.PeerRequest).Peer);
            a.Meet();
            b.Meet();
            Check.Equal(ResultCode.Already, Check.Throws<MusubiException>(delegate { b.Client.ConnectPeer(host); }).Code, "twice");
        }
    }

    private static void Close()
    {
        using (Pair p = new Pair())
        {
            Check.Equal(ResultCode.Value, Check.Throws<MusubiException>(delegate { p.A.Client.Close(p.ToB, -5); }).Code, "negative");
            p.A.Client.Close(p.ToB, 42, "game over ü");
            Kept closed = p.B.Await(EventKind.PeerClosed);
            Check.That(closed.Code == 42 && closed.Text.Contains("game over ü"), "code and text: " + closed.Code + " " + closed.Text);
            p.A.Await(EventKind.PeerClosed);
            Check.Equal(ResultCode.NotConnected, p.A.Client.Send(p.ToB, DeliveryMode.Unreliable, 0, new byte[1]), "send after close");
        }
    }

    private static void Lan()
    {
        using (Player a = new Player(null, 0), b = new Player(null, 0))
        {
            a.Client.HostLan(4, Bytes("den"));
            string code = a.Await(EventKind.RoomJoined).DataText;
            b.Client.BrowseLan();
            b.Client.BrowseLan(false);
            b.Client.JoinLan("127.0.0.1", code);
            Check.Equal("den", b.Await(EventKind.RoomData).DataText, "what the host shows");
            b.Client.Send(b.Meet(), DeliveryMode.ReliableOrdered, 0, Bytes("ping"));
            Check.Equal("ping", a.Await(EventKind.Message).DataText, "they talk");
        }
    }

    private static void Figures()
    {
        using (Pair p = new Pair())
        {
            PeerStats s;
            NatInfo nat = p.A.Client.GetNatInfo();
            Check.That(nat.PublicAddress != null && (uint)nat.Mapping <= 5, "NAT");
            Check.That(p.A.Client.TryGetStats(p.ToB, out s) && s.Route != Route.None && s.Mtu >= 1000, "figures");
            ClientStats all = p.A.Client.GetStats();
            Check.That(all.Server == ServerLink.Connected && all.Members == 2 && all.Peers == 1 && all.BytesSent > 0, "the whole client's");
            byte[] mine = p.A.Client.GetIdentity(), others = p.B.Client.GetIdentity();
            Check.That(mine.Length == 32 && BitConverter.ToString(mine) != BitConverter.ToString(others), "identity");
            string dump = p.A.Client.Dump();
            Check.That(dump.Contains("room: 2 members; 1 peers connected") && dump.EndsWith("\n") && dump.Contains("advice: "), dump);
            p.A.Client.NetworkChanged();
            p.A.Client.PunchPeer(p.ToB);
            p.A.Client.Suspend(60000);
            Check.That(p.B.Await(EventKind.PeerInterrupted).Text.Length > 0, "told of the sleep");
            p.A.Client.Resume();
            p.B.Await(EventKind.PeerRecovered);
        }
    }

    private static void BadNetwork()
    {
        using (Pair p = new Pair())
        {
            p.A.Client.Simulate(new Simulation { LatencyUs = 30000 }, new Simulation { LossPpm = 1000000 });
            p.A.Client.Send(p.ToB, DeliveryMode.ReliableOrdered, 0, Bytes("slow"));
            Check.Equal("slow", p.B.Await(EventKind.Message).DataText, "it arrives");
            Simulation o, i;
            Simulation.Preset("dsl", out o, out i);
            Check.That(o.Rate == 1000000 && i.Rate == 10000000 && o.LatencyUs == 10000, "a preset's figures");
            p.A.Client.Simulate("wifi");
            p.A.Client.StopSimulation();
        }
    }
}
