using System;
using Mirror;
using Musubi;

/// <summary>Mirror.</summary>
internal sealed class MirrorStack : Stack
{
    private static readonly Kind[] kinds = {
        new Kind { Name = "Reliable", Number = Channels.Reliable, Reliable = true, Ordered = true },
        new Kind { Name = "Unreliable", Number = Channels.Unreliable },
    };

    internal override string Name { get { return "Mirror"; } }
    internal override Kind[] Kinds { get { return kinds; } }
    internal override End New() { return new MirrorEnd(); }
}

internal sealed class MirrorEnd : End
{
    internal readonly MusubiMirrorTransport T;
    private bool host;
    private string reason = "";

    internal MirrorEnd()
    {
        T = holder.AddComponent<MusubiMirrorTransport>();
        Prepare();
        T.OnClientConnected = delegate { Tell("connected 0"); };
        T.OnClientDisconnected = delegate { Tell("disconnected 0"); };
        T.OnClientError = delegate(TransportError e, string why) { reason = e + ": " + why; };
        T.OnClientDataReceived = delegate(ArraySegment<byte> data, int channel) { Take(0, data, channel == Channels.Reliable); };
        T.OnServerConnectedWithAddress = delegate(int id, string address)
        {
            Check.That(address.StartsWith("musubi:") && T.ServerGetClientAddress(id) == address, "an address without an address: " + address);
            Tell("connected " + id);
        };
        T.OnServerDisconnected = delegate(int id) { Tell("disconnected " + id); };
        T.OnServerError = delegate(int id, TransportError e, string why) { reason = e + ": " + why; };
        T.OnServerDataReceived = delegate(int id, ArraySegment<byte> data, int channel) { Take(id, data, channel == Channels.Reliable); };
    }

    internal override MusubiTransportOptions Options { get { return T.Options; } }
    internal override Client Client { get { return T.Client; } }
    internal override string Code { get { return T.JoinCode; } }
    internal override string Reason { get { return reason; } }

    internal override bool Host()
    {
        host = true;
        T.ServerStart();
        return T.ServerActive();
    }

    internal override bool Join(string code)
    {
        if (code.Length == 8)
            T.ClientConnect(new Uri("musubi://" + code));
        else
            T.ClientConnect(code);
        return T.Client != null;
    }

    internal override void Frame()
    {
        bool active = T.ServerActive();
        T.ServerEarlyUpdate();
        T.ClientEarlyUpdate();
        T.ServerLateUpdate();
        T.ClientLateUpdate();
        if (host && active && !T.ServerActive())
            Tell("ended");
    }

    internal override void Send(int id, ArraySegment<byte> data, Kind kind)
    {
        if (id == 0)
            T.ClientSend(data, kind.Number);
        else
            T.ServerSend(id, data, kind.Number);
    }

    internal override void Kick(int id) { T.ServerDisconnect(id); }
    internal override void Leave() { T.ClientDisconnect(); }

    internal override void Stop()
    {
        if (host)
            T.ServerStop();
        else
            T.Shutdown();
    }

    internal override int Rtt(int id) { return 0; }
    internal override void Refused(bool started) { Check.That(!started && Times("disconnected 0") == 1, "one Disconnected: " + Events.Count); }
}
