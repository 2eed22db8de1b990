using System;
using Musubi;
using Unity.Netcode;

/// <summary>Netcode for GameObjects.</summary>
internal sealed class NetcodeStack : Stack
{
    private static readonly Kind[] kinds = {
        new Kind { Name = "Unreliable", Number = (int)NetworkDelivery.Unreliable },
        new Kind { Name = "UnreliableSequenced", Number = (int)NetworkDelivery.UnreliableSequenced, Ordered = true },
        new Kind { Name = "Reliable", Number = (int)NetworkDelivery.Reliable, Reliable = true },
        new Kind { Name = "ReliableSequenced", Number = (int)NetworkDelivery.ReliableSequenced, Reliable = true, Ordered = true },
        new Kind { Name = "ReliableFragmentedSequenced", Number = (int)NetworkDelivery.ReliableFragmentedSequenced, Reliable = true, Ordered = true },
    };

#if MUSUBI_NETCODE_2_7
    internal override string Name { get { return "Netcode 2.7"; } }
#elif MUSUBI_NETCODE_2
    internal override string Name { get { return "Netcode 2"; } }
#else
    internal override string Name { get { return "Netcode 1"; } }
#endif

    internal override Kind[] Kinds { get { return kinds; } }

    internal override bool TellsRtt { get { return true; } }
    internal override End New() { return new NetcodeEnd(); }
}

internal sealed class NetcodeEnd : End
{
    internal readonly MusubiNetcodeTransport T;
    private bool host;

    internal NetcodeEnd()
    {
        T = holder.AddComponent<MusubiNetcodeTransport>();
        Prepare();
        T.OnTransportEvent += delegate(NetworkEvent e, ulong id, ArraySegment<byte> data, float time) { Handle(e, id, data); };
    }

    internal override MusubiTransportOptions Options { get { return T.Options; } }
    internal override Client Client { get { return T.Client; } }
    internal override string Code { get { return host ? T.JoinCode : ""; } }
    internal override string Reason { get { return T.LastReason; } }

    internal override bool Host()
    {
        host = true;
        T.Initialize(null);
        return T.StartServer();
    }

    internal override bool Join(string code)
    {
        T.Initialize(null);
        T.JoinCode = code;
        return T.StartClient();
    }

    private void Handle(NetworkEvent e, ulong id, ArraySegment<byte> data)
    {
        if (e == NetworkEvent.Data)
            Take((int)id, data, true);
        else if (e == NetworkEvent.Connect)
            Tell("connected " + id);
        else if (e == NetworkEvent.Disconnect)
            Tell("disconnected " + id);
        else if (e == NetworkEvent.TransportFailure)
            Tell("ended");
    }

    internal override void Frame()
    {
        ulong id;
        ArraySegment<byte> data;
        float time;
        NetworkEvent e;
        while ((e = T.PollEvent(out id, out data, out time)) != NetworkEvent.Nothing)
            Handle(e, id, data);
#if MUSUBI_NETCODE_2
        T.PostLateUpdateShim();
#endif
    }

    internal override void Send(int id, ArraySegment<byte> data, Kind kind) { T.Send((ulong)id, data, (NetworkDelivery)kind.Number); }

    /// <summary>Netcode deals with its own kicks; the test's book is kept for it.</summary>
    internal override void Kick(int id)
    {
        T.DisconnectRemoteClient((ulong)id);
        if (Times("connected " + id) > Times("disconnected " + id))
            Events.Add("disconnected " + id);
    }

    internal override void Leave() { T.DisconnectLocalClient(); }
    internal override void Stop() { T.Shutdown(); }
    internal override int Rtt(int id) { return (int)T.GetCurrentRtt((ulong)id); }
    internal override void Refused(bool started) { Check.That(!started && Events.Count == 0, "StartClient says false"); }
}
