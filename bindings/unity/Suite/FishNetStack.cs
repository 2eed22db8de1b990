using System;
using FishNet.Transporting;
using Musubi;

/// <summary>FishNet.</summary>
internal sealed class FishNetStack : Stack
{
    private static readonly Kind[] kinds = {
        new Kind { Name = "Reliable", Number = (int)Channel.Reliable, Reliable = true, Ordered = true },
        new Kind { Name = "Unreliable", Number = (int)Channel.Unreliable },
    };

    internal override string Name { get { return "FishNet"; } }
    internal override Kind[] Kinds { get { return kinds; } }
    internal override End New() { return new FishNetEnd(); }
}

internal sealed class FishNetEnd : End
{
    internal const int Index = 3; // of several transports
    internal readonly MusubiFishNetTransport T;
    internal string States = ""; // client's and server's, in order: C and S with the state
    private bool stopping;

    internal FishNetEnd()
    {
        T = holder.AddComponent<MusubiFishNetTransport>();
        Prepare();
        T.Initialize(null, Index);
        T.OnClientConnectionState += delegate(ClientConnectionStateArgs a)
        {
            States += " C" + a.ConnectionState;
            Check.Equal(Index, a.TransportIndex, "transport index");
            if (a.ConnectionState == LocalConnectionState.Started)
                Tell("connected 0");
            else if (a.ConnectionState == LocalConnectionState.Stopped)
                Tell("disconnected 0");
        };
        T.OnServerConnectionState += delegate(ServerConnectionStateArgs a)
        {
            States += " S" + a.ConnectionState;
            Check.Equal(Index, a.TransportIndex, "transport index");
            if (a.ConnectionState == LocalConnectionState.Stopped && !stopping)
                Tell("ended");
        };
        T.OnRemoteConnectionState += delegate(RemoteConnectionStateArgs a)
        {
            Check.Equal(Index, a.TransportIndex, "transport index");
            Tell((a.ConnectionState == RemoteConnectionState.Started ? "connected " : "disconnected ") + a.ConnectionId);
        };
        T.OnClientReceivedData += delegate(ClientReceivedDataArgs a) { Take(0, a.Data, a.Channel == Channel.Reliable); };
        T.OnServerReceivedData += delegate(ServerReceivedDataArgs a) { Take(a.ConnectionId, a.Data, a.Channel == Channel.Reliable); };
    }

    internal override MusubiTransportOptions Options { get { return T.Options; } }
    internal override Client Client { get { return T.Client; } }
    internal override string Code { get { return T.JoinCode; } }
    internal override string Reason { get { return T.LastReason; } }
    internal override bool Host() { return T.StartConnection(true); }

    internal override bool Join(string code)
    {
        T.SetClientAddress(code);
        return T.StartConnection(false);
    }

    internal override void Frame()
    {
        T.IterateIncoming(true);
        T.IterateIncoming(false);
        T.IterateOutgoing(true);
        T.IterateOutgoing(false);
    }

    internal override void Send(int id, ArraySegment<byte> data, Kind kind)
    {
        if (id == 0)
            T.SendToServer((byte)kind.Number, data);
        else
            T.SendToClient((byte)kind.Number, data, id);
    }

    internal override void Kick(int id) { T.StopConnection(id, true); }
    internal override void Leave() { T.StopConnection(false); }

    internal override void Stop()
    {
        stopping = true;
        T.Shutdown();
        stopping = false;
    }

    internal override int Rtt(int id) { return 0; }
    internal override void Refused(bool started) { Check.That(!started && States == "", "StartConnection says false: " + States); }
}
