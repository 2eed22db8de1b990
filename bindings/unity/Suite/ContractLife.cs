using System;
using System.Collections.Generic;
using System.Text;
using Musubi;
using UnityEngine;

/// <summary>How connections begin and end.</summary>
internal sealed partial class Contract
{
    private void GuestLeaves()
    {
        End host = stack.Hosting(), guest = stack.Joined(host);
        guest.Leave();
        guest.Leave();
        End.Until(delegate { return host.Times("disconnected 1") > 0; }, "the host hears", host, guest);
        End.For(50, host, guest);
        Check.Equal(1, host.Times("disconnected 1"), "host's events");
        Check.Equal(1, guest.Times("disconnected 0"), "guest's events");
        host.Kick(1); // nobody any more
        host.Send(1, Text("nobody"), stack.Reliable);
        End.For(20, host, guest);
        Check.Equal(1, host.Times("disconnected 1"), "host's events");
        host.Stop();
    }

    private void HostKicks()
    {
        End host = stack.Hosting(3), guest = stack.Joined(host), stays = stack.Joined(host, guest);
        host.Kick(1);
        host.Kick(1);
        host.Kick(77);
        End.Until(delegate { return guest.Times("disconnected 0") > 0; }, "the guest hears", host, guest, stays);
        End.For(50, host, guest, stays);
        Check.Equal(1, guest.Times("disconnected 0"), "guest's events");
        Check.Equal(1, host.Times("disconnected 1"), "host's events");
        Check.Equal(0, host.Times("disconnected 2") + stays.Times("disconnected 0"), "events of the one who stays");
        guest.Leave();
        Check.Equal(1, guest.Times("disconnected 0"), "guest's events after leaving as well");
        End third = stack.Joined(host, stays); // the room has three places
        Check.Equal(1, host.Times("connected 3"), "a new guest has a new id");
        host.Stop();
        third.Stop();
        stays.Stop();
    }

    private void HostStops()
    {
        End host = stack.Hosting(), guest = stack.Joined(host);
        UnityEngine.Object.Destroy(host.Client == null ? null : HolderOf(host)); // OnDestroy, as at quitting
        End.Until(delegate { return guest.Times("disconnected 0") > 0; }, "the guest hears", guest);
        End.For(50, guest);
        Check.Equal(1, guest.Times("disconnected 0"), "guest's events");
        Check.That(guest.Reason.Length > 0, "a reason: " + guest.Reason);
        guest.Stop();
    }

    private static GameObject HolderOf(End end) { return end.HolderShim; }

    private void FlushBeforeEnd()
    {
        foreach (int way in new int[] { 0, 1, 2 })
        {
            End host = stack.Hosting(), guest = stack.Joined(host);
            byte[] data = Pattern(40000, way);
            End from = way == 2 ? guest : host, to = way == 2 ? host : guest;
            for (int i = 0; i < 50; i++)
                from.Send(way == 2 ? 0 : 1, new ArraySegment<byte>(data), stack.Reliable);
            if (way == 0)
                host.Kick(1);
            else
                from.Stop();
            End.Until(delegate { return to.Times(way == 2 ? "disconnected 1" : "disconnected 0") == 1; }, "the end", host, guest);
            Check.Equal(50, to.Messages.Count, "messages before the end, way " + way);
            Check.That(Same(data, to.Messages[49].Data), "the last one");
            host.Stop();
            guest.Stop();
        }
    }

    private void Reconnect()
    {
        End host = stack.Hosting(), guest = stack.New();
        for (int i = 1; i <= Reconnects; i++)
        {
            Check.That(guest.Join(host.Code), "joining starts");
            End.Until(delegate { return guest.Times("connected 0") == i && host.Times("connected " + i) == 1; }, "connected, " + i, host, guest);
            guest.Send(0, Text("hello " + i), stack.Reliable);
            if (i % 2 == 0)
                guest.Leave();
            else
            {
                End.Until(delegate { return host.Messages.Count == i; }, "hello " + i, host, guest);
                host.Kick(i);
            }
            End.Until(delegate { return host.Times("disconnected " + i) == 1 && guest.Times("disconnected 0") == i; }, "disconnected, " + i, host, guest);
        }
        Check.Equal(Reconnects, host.Messages.Count, "hellos");
        host.Stop();
    }

    private void Sixteen()
    {
        const int Guests = 16;
        End host = stack.Hosting(Guests + 1);
        List<End> all = new List<End> { host };
        for (int i = 0; i < Guests; i++)
        {
            all.Add(stack.New());
            Check.That(all[i + 1].Join(host.Code), "joining starts");
        }
        End[] everybody = all.ToArray();
        End.Until(delegate
        {
            int connected = 0;
            for (int i = 1; i <= Guests; i++)
                connected += everybody[i].Times("connected 0");
            return connected == Guests && Stack.Connections(host) == Guests;
        }, "all connected", everybody);
        for (int i = 1; i <= Guests; i++)
            host.Send(i, Text("to " + i), stack.Reliable);
        for (int i = 1; i <= Guests; i++)
            everybody[i].Send(0, Text("guest"), stack.Reliable);
        End.Until(delegate
        {
            for (int i = 1; i <= Guests; i++)
                if (everybody[i].Messages.Count < 1)
                    return false;
            return host.Messages.Count == Guests;
        }, "messages", everybody);
        HashSet<string> seen = new HashSet<string>();
        for (int i = 1; i <= Guests; i++)
            seen.Add(Read(everybody[i].Messages[0]));
        Check.Equal(Guests, seen.Count, "each got its own");
        host.Stop();
        End.Until(delegate
        {
            for (int i = 1; i <= Guests; i++)
                if (everybody[i].Times("disconnected 0") != 1)
                    return false;
            return true;
        }, "all disconnected", everybody);
    }

    private void Full()
    {
        End host = stack.Hosting(2), guest = stack.Joined(host), late = stack.New();
        Check.That(late.Join(host.Code), "joining starts");
        End.Until(delegate { return late.Times("disconnected 0") > 0; }, "refused", host, guest, late);
        End.For(30, host, guest, late);
        Check.That(late.Times("disconnected 0") == 1 && late.Times("connected 0") == 0, "one Disconnected: " + string.Join(" ", late.Events.ToArray()));
        Check.That(late.Reason.Contains("full") || late.Reason.Contains("most members"), "the reason: " + late.Reason);
        Check.Equal(1, Stack.Connections(host), "guests of the host");
        host.Stop();
        guest.Stop();
    }

    private void Password()
    {
        End host = stack.New(), knows = stack.New(), guesses = stack.New();
        host.Options.Password = knows.Options.Password = "correct horse";
        guesses.Options.Password = "battery staple";
        Check.That(host.Host(), "hosting starts");
        End.Until(delegate { return host.Code.Length > 0; }, "a join code", host);
        Check.That(guesses.Join(host.Code), "joining starts");
        End.Until(delegate { return guesses.Times("disconnected 0") > 0; }, "refused", host, guesses);
        Check.That(knows.Join(host.Code), "joining starts");
        End.Until(delegate { return knows.Times("connected 0") == 1 && Stack.Connections(host) == 1; }, "connected", host, guesses, knows);
        Check.That(guesses.Times("disconnected 0") == 1 && guesses.Times("connected 0") == 0 && Stack.Connections(host) == 1, "one of the two");
        Check.That(guesses.Reason.Contains("password"), "the reason: " + guesses.Reason);
        host.Stop();
        knows.Stop();
    }

    private void BadCode()
    {
        foreach (string code in new string[] { "", "   ", "localhost", "what?", "ABCD@", "x" })
        {
            End guest = stack.New();
            UnityEngine.Debug.Said.Clear();
            guest.Refused(guest.Join(code));
            string said = string.Join("\n", UnityEngine.Debug.Said.ToArray());
            Check.That(said.Contains("join code"), "\"" + code + "\": " + said);
            guest.Stop();
        }
        End nobody = stack.New();
        Check.That(nobody.Join("ZZZZ9999"), "joining starts");
        End.Until(delegate { return nobody.Times("disconnected 0") > 0; }, "refused", nobody);
        End.For(30, nobody);
        Check.Equal(1, nobody.Times("disconnected 0"), "events");
        Check.That(nobody.Reason.Contains("code"), "the reason: " + nobody.Reason);
    }

    /// <summary>Nobody listens on port 9 of this machine; and a server's address that is none.</summary>
    private void ServerDown()
    {
        string key = End.Server.Substring(End.Server.IndexOf('#'));
        End guest = stack.New(), host = stack.New();
        foreach (End e in new End[] { guest, host })
        {
            e.Options.Settings.Server = "musubi://127.0.0.1:9/" + key;
            e.Options.ConnectTimeout = 2;
        }
        Check.That(guest.Join("ABCD2345") && host.Host(), "both start");
        End.Until(delegate { return guest.Times("disconnected 0") > 0 && host.Times("ended") > 0; }, "both end", guest, host);
        End.For(30, guest, host);
        Check.That(guest.Times("disconnected 0") == 1 && host.Times("ended") == 1, "once");
        Check.That(guest.Reason.Length > 10, "a reason: " + guest.Reason);
        guest.Stop();
        host.Stop();
        End wrong = stack.New();
        wrong.Options.Settings.Server = "http://nonsense";
        UnityEngine.Debug.Said.Clear();
        Check.That(!wrong.Host(), "hosting with no address of a server says so");
        Check.That(string.Join("", UnityEngine.Debug.Said.ToArray()).Contains("server address"), "in words: " + string.Join("", UnityEngine.Debug.Said.ToArray()));
    }

    /// <summary>Games shut down wherever they like: in the callback of a connection, of its end, of a message.</summary>
    private void ShutdownInside()
    {
        foreach (string moment in new string[] { "connected", "data", "disconnected" })
            foreach (bool byHost in new bool[] { true, false })
            {
                End host = stack.Hosting(), guest = stack.New(), who = byHost ? host : guest;
                int shut = 0;
                who.OnEvent = delegate(string e)
                {
                    if (!e.StartsWith(moment) || shut++ > 0)
                        return;
                    who.Stop();
                };
                guest.Join(host.Code);
                End.Until(delegate { return shut > 0 || guest.Times("connected 0") > 0 && Stack.Connections(host) > 0; }, "connected", host, guest);
                if (moment == "data" && byHost)
                    guest.Send(0, Text("x"), stack.Reliable);
                else if (moment == "data")
                    host.Send(1, Text("x"), stack.Reliable);
                else if (moment == "disconnected" && byHost)
                    guest.Stop();
                else if (moment == "disconnected")
                    host.Kick(1);
                End.Until(delegate { return shut > 0; }, moment, host, guest);
                End.For(20, host, guest);
                who.OnEvent = null;
                host.Stop();
                guest.Stop();
            }
    }

    private void Restart()
    {
        End host = stack.Hosting(), guest = stack.Joined(host);
        string first = host.Code;
        guest.Stop();
        host.Stop();
        host.Stop();
        host.Events.Clear();
        guest.Events.Clear();
        Check.That(host.Host(), "hosting starts again");
        End.Until(delegate { return host.Code.Length > 0 && host.Code != first; }, "another code", host);
        Check.That(guest.Join(host.Code), "joining starts again");
        End.Until(delegate { return guest.Times("connected 0") == 1 && host.Times("connected 1") == 1; }, "connected, and ids begin at 1", host, guest);
        host.Stop();
        guest.Stop();
    }

    /// <summary>Unity takes the code away: every client must end, and nothing may throw or tell a connection twice.</summary>
    private void Reload()
    {
        End host = stack.Hosting(), guest = stack.Joined(host);
        MusubiSettings before = MusubiSettings.Current;
        PlayerLoopShim.Start(RuntimeInitializeLoadType.SubsystemRegistration);
        Check.Equal(0, LiveClients.Count, "clients");
        Check.That(!ReferenceEquals(before, MusubiSettings.Current), "statics are reset");
        End.For(20, host, guest);
        host.Send(1, Text("x"), stack.Reliable);
        guest.Send(0, Text("x"), stack.Reliable);
        host.Kick(1);
        guest.Leave();
        host.Stop();
        guest.Stop();
        End again = stack.Hosting();
        again.Stop();
    }
}
