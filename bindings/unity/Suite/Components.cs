using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Text;
using Musubi;
using Musubi.Editor;
using UnityEditor;
using UnityEngine;

/// <summary>Components, editor windows and samples in a pretended player loop, through a real server.</summary>
internal sealed class Components
{
    private const int Patience = 30000; // milliseconds
    private readonly MusubiSettings settings = ScriptableObject.CreateInstance<MusubiSettings>();

    internal Components(string server)
    {
        settings.Server = server;
        settings.PortMapping = false;
        Resources.Shim[MusubiSettings.AssetName] = settings;
        MusubiSettings.Forget();
    }

    internal void All()
    {
        Run("manager: rooms, names, messages to all, through the server", Manager);
        Run("manager: reasons of people who can't come in", Refused);
        Run("manager: no server, the code alone; two hosts", LocalNetwork);
        Run("manager: 500 frames make no garbage", Garbage);
        Run("manager, overlay, simulator, pause", Looks);
        Run("inspector", Inspector);
        Run("doctor window: a good network, then a server that is down", DoctorWindow);
        Run("editor: reload, leaving play mode, quitting end every client", EditorMoments);
        Run("sample HelloPeers", Hello);
        Run("sample LobbyByCode", Lobby);
    }

    private static void Run(string name, Action test)
    {
        Check.Run(name, delegate
        {
            List<UnityEngine.Object> before = ObjectsShim.Snapshot();
            try { test(); }
            finally
            {
                ObjectsShim.DestroySince(before);
                EditorApplication.update = null;
            }
        });
    }

    private static void Until(Func<bool> holds, string what)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!holds())
        {
            if (clock.ElapsedMilliseconds > Patience)
                throw new Exception("never: " + what);
            Package.Frame();
        }
    }

    private MusubiManager Player(string name)
    {
        MusubiManager m = new GameObject(name).AddComponent<MusubiManager>();
        m.name = name;
        m.Configure = delegate(ClientOptions o) { o.Bind = "127.0.0.1:0"; };
        return m;
    }

    private static void End(params Component[] players)
    {
        foreach (Component p in players)
            UnityEngine.Object.Destroy(p.gameObject);
        Check.Equal(0, LiveClients.Count, "clients left behind");
    }

    private void Pair(MusubiManager host, MusubiManager guest)
    {
        host.Host();
        Until(delegate { return host.State == MusubiState.InRoom; }, "a room");
        guest.Join(host.Code);
        Until(delegate { return host.PlayerCount > 0 && guest.PlayerCount > 0; }, "connected");
    }

    private void Manager()
    {
        MusubiManager a = Player("Ann"), b = Player("Bob"), c = Player("Cy");
        List<string> heard = new List<string>();
        MusubiManager[] all = { a, b, c };
        foreach (MusubiManager m in all)
        {
            MusubiManager me = m;
            m.MessageReceived += delegate(Peer p, ReadOnlySpan<byte> data, DeliveryMode mode, int channel)
            {
                heard.Add(me.GetName(p) + " to " + me.name + ": " + Encoding.UTF8.GetString(data.ToArray()));
            };
        }
        Pair(a, b);
        c.Join(" musubi://" + a.Code.ToLowerInvariant() + " ");
        Until(delegate { return a.PlayerCount == 2 && b.PlayerCount == 2 && c.PlayerCount == 2; }, "everybody with everybody");
        foreach (MusubiManager m in all)
            Check.Equal(2, m.SendToAll(Encoding.UTF8.GetBytes("hi")), "sent to");
        Until(delegate { return heard.Count == 6; }, "six messages");
        HashSet<string> distinct = new HashSet<string>(heard);
        Check.That(distinct.Count == 6 && heard.TrueForAll(delegate(string h) { return h.StartsWith("anon-"); }), string.Join(", ", heard.ToArray()));
        Check.That(a.IsHost && !b.IsHost, "who hosts");
        a.Leave();
        Until(delegate { return b.PlayerCount == 1 && c.PlayerCount == 1; }, "the others stay");
        b.Leave();
        Check.That(b.PlayerCount == 0 && b.SendToAll(new byte[1]) == 0 && b.Send(new Peer(3), new byte[1]) == ResultCode.NotConnected, "nobody any more");
        End(a, b, c);
    }

    private void Refused()
    {
        MusubiManager a = Player("Ann"), b = Player("Bob"), c = Player("Cy");
        string why = "";
        c.RoomLeft += delegate(string w) { why = w; };
        a.MaxPlayers = 2;
        Pair(a, b);
        c.Join(a.Code);
        Until(delegate { return why.Length > 0; }, "refused");
        Check.That(why.Contains("full") || why.Contains("most members"), why);
        why = "";
        c.Join("ZZZZ9999");
        Until(delegate { return why.Length > 0; }, "refused");
        Check.That(why.Contains("code"), why);
        End(a, b, c);
    }

    /// <summary>Hosts are found by multicast and broadcast. The code says which one of them; the other one is asked as well.</summary>
    private void LocalNetwork()
    {
        MusubiManager a = Player("Ann"), b = Player("Bob"), c = Player("Cy");
        MusubiSettings none = ScriptableObject.CreateInstance<MusubiSettings>();
        foreach (MusubiManager m in new MusubiManager[] { a, b, c })
        {
            m.Settings = none;
            m.Configure = delegate(ClientOptions o) { o.Flags |= ClientFlags.NoPortMapping; };
        }
        a.Host();
        b.Host();
        Until(delegate { return a.State == MusubiState.InRoom && b.State == MusubiState.InRoom; }, "two rooms");
        foreach (MusubiManager host in new MusubiManager[] { a, b })
        {
            c.Join(host.Code);
            Until(delegate { return c.PlayerCount == 1 && host.PlayerCount == 1; }, "connected to the right one: " + c.State);
            Check.Equal(host.Code, c.Code, "code");
            c.Leave();
        }
        StarOptions options = new StarOptions();
        options.Client.App = "unity-test";
        options.Client.Flags = ClientFlags.NoPortMapping;
        Star(options);
        End(a, b, c);
    }

    /// <summary>The same for a transport's star.</summary>
    private static void Star(StarOptions options)
    {
        StarHost host;
        StarGuest guest = null;
        string why;
        Check.That(StarHost.TryStart(options, out host, out why), why);
        bool connected = false;
        Until(delegate
        {
            StarEvent e;
            while (host.TryPoll(out e) || guest != null && guest.TryPoll(out e))
                if (e.Kind == StarEventKind.Opened)
                    Check.That(StarGuest.TryStart(options, e.Text, out guest, out why), why);
                else if (e.Kind == StarEventKind.Connected && e.Id == 1)
                    connected = true;
                else
                    Check.That(e.Kind == StarEventKind.Connected, e.Kind + ": " + e.Text);
            return connected && guest.IsReady;
        }, "a guest");
        guest.Dispose();
        host.Dispose();
    }

    private void Garbage()
    {
        MusubiManager a = Player("Ann"), b = Player("Bob");
        byte[] data = new byte[50];
        int got = 0;
        b.MessageReceived += delegate { got++; };
        Pair(a, b);
        System.Reflection.BindingFlags hidden = System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic;
        Action[] frame = new Action[4]; // the shim's reflection makes garbage of its own
        for (int i = 0; i < 4; i++)
            frame[i] = (Action)Delegate.CreateDelegate(typeof(Action), i % 2 == 0 ? a : b, typeof(MusubiManager).GetMethod(i < 2 ? "Update" : "LateUpdate", hidden));
        long before = 0;
        for (int i = -200; i < 500; i++)
        {
            if (i == 0)
                before = GC.GetAllocatedBytesForCurrentThread();
            a.SendToAll(data, DeliveryMode.UnreliableSequenced, 1);
            foreach (Action step in frame)
                step();
            System.Threading.Thread.Sleep(1);
        }
        long garbage = GC.GetAllocatedBytesForCurrentThread() - before;
        Check.Equal(0L, garbage, "bytes of garbage");
        Check.That(got > 300, "messages flow: " + got);
        End(a, b);
    }

    private void Looks()
    {
        MusubiManager a = Player("Ann"), b = Player("Bob");
        MusubiStatsOverlay overlay = new GameObject("overlay").AddComponent<MusubiStatsOverlay>();
        overlay.Interval = 0.01f;
        Package.Frame();
        Check.Equal("Musubi: no client", overlay.Text, "overlay");
        MusubiNetworkSimulator simulator = new GameObject("simulator").AddComponent<MusubiNetworkSimulator>();
        simulator.Network = MusubiNetwork.Custom;
        simulator.Latency = 10;
        simulator.Jitter = simulator.Loss = 0;
        Pair(a, b);
        PeerStats s;
        Until(delegate { return a.Client.TryGetStats(a.GetPlayer(0), out s) && s.RttUs > 20000; }, "a slow network on both clients");
        Until(delegate { return overlay.Text.Contains("direct (") && overlay.Text.Contains("rtt ") && overlay.Text.Contains("loss 0.0%"); }, "figures: " + overlay.Text);
        UnityEngine.Object.Destroy(simulator.gameObject);
        bool interrupted = false, recovered = false;
        b.AnyEvent += delegate(Musubi.Event e)
        {
            interrupted |= e.Kind == EventKind.PeerInterrupted;
            recovered |= e.Kind == EventKind.PeerRecovered;
        };
        PlayerLoopShim.Start(RuntimeInitializeLoadType.BeforeSceneLoad);
        PlayerLoopShim.Send("OnApplicationPause", true);
        Until(delegate { return interrupted; }, "a pause is told");
        PlayerLoopShim.Send("OnApplicationPause", false);
        Until(delegate { return recovered; }, "and its end");
        foreach (MusubiPauseWatcher w in UnityEngine.Object.FindObjectsOfType<MusubiPauseWatcher>())
            UnityEngine.Object.Destroy(w.gameObject);
        End(a, b, overlay);
    }

    private void Inspector()
    {
        MusubiManager a = Player("Ann"), b = Player("Bob");
        MusubiManagerEditor editor = ScriptableObject.CreateInstance<MusubiManagerEditor>();
        editor.target = a;
        Application.isPlaying = true;
        GUI.PressShim = "Host";
        editor.OnInspectorGUI();
        Until(delegate { return a.State == MusubiState.InRoom; }, "the button hosts");
        b.Join(a.Code);
        Until(delegate { return a.PlayerCount == 1; }, "connected");
        GUI.DrawnShim.Length = 0;
        editor.OnInspectorGUI();
        string drawn = GUI.DrawnShim.ToString();
        Check.That(drawn.Contains("Join code: " + a.Code) && drawn.Contains("Player 1: anon-") && drawn.Contains("rtt "), drawn);
        GUI.PressShim = "Leave";
        editor.OnInspectorGUI();
        Check.Equal(MusubiState.Idle, a.State, "state");
        Application.isPlaying = false;
        End(a, b);
    }

    private void DoctorWindow()
    {
        string report = Examined();
        Check.That(report.Contains("is loaded") && report.Contains("server: connected after") && report.Contains("network: "), report);
        Check.That(report.Contains("Run In Background"), report);
        string good = settings.Server;
        settings.Server = "musubi://127.0.0.1:9/" + good.Substring(good.IndexOf('#'));
        report = Examined();
        settings.Server = good;
        Check.That(report.Contains("firewall"), report);
        Check.Equal(0, LiveClients.Count, "clients left behind");
    }

    private static string Examined()
    {
        MusubiDoctorWindow.Open();
        MusubiDoctorWindow window = EditorWindow.GetWindow<MusubiDoctorWindow>("Musubi Doctor");
        GUI.PressShim = "Examine the server and this network";
        window.Repaint();
        Check.That(EditorApplication.update != null, "it works while the editor goes on");
        Until(delegate
        {
            if (EditorApplication.update != null)
                EditorApplication.update();
            return EditorApplication.update == null;
        }, "a report");
        GUI.PressShim = "Copy the report";
        window.Repaint();
        return EditorGUIUtility.systemCopyBuffer;
    }

    private void EditorMoments()
    {
        System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(typeof(MusubiEditorLifecycle).TypeHandle); // InitializeOnLoad
        PlayerLoopShim.Start(RuntimeInitializeLoadType.SubsystemRegistration);
        Action[] moments = {
            AssemblyReloadEvents.ReloadShim, EditorApplication.QuitShim, Application.QuitShim,
            delegate { EditorApplication.ChangeShim(PlayModeStateChange.ExitingPlayMode); },
            delegate { PlayerLoopShim.Start(RuntimeInitializeLoadType.SubsystemRegistration); }
        };
        MusubiManager a = Player("Ann"), b = Player("Bob");
        foreach (Action moment in moments)
        {
            string why = "";
            Pair(a, b);
            Action<string> told = delegate(string w) { why = w; };
            a.RoomLeft += told;
            moment();
            Check.Equal(0, LiveClients.Count, "clients");
            Package.Frame();
            a.RoomLeft -= told;
            Check.That(a.State == MusubiState.Idle && why == "the client was disposed", "the manager knows: " + why);
        }
        EditorApplication.ChangeShim(PlayModeStateChange.EnteredPlayMode);
        End(a, b);
    }

    private void Hello()
    {
        MusubiManager a = Player("Ann"), b = Player("Bob");
        HelloPeers one = a.gameObject.AddComponent<HelloPeers>(), two = b.gameObject.AddComponent<HelloPeers>();
        Check.That(one.enabled && two.enabled, "both run");
        PlayerLoopShim.Send("Start");
        GUI.PressShim = "Host";
        Package.Frame();
        Until(delegate { return a.State == MusubiState.InRoom || b.State == MusubiState.InRoom; }, "the button hosts");
        MusubiManager host = a.State == MusubiState.InRoom ? a : b, guest = host == a ? b : a;
        guest.Join(host.Code);
        Until(delegate { return host.PlayerCount == 1 && guest.PlayerCount == 1; }, "connected");
        Until(delegate
        {
            GUI.DrawnShim.Length = 0;
            Package.Frame();
            string drawn = GUI.DrawnShim.ToString();
            return drawn.Contains(Says(guest)) && drawn.Contains(Says(host));
        }, "both say hello");
        End(a, b);
    }

    private static string Says(MusubiManager listener) { return listener.GetName(listener.GetPlayer(0)) + " says hello"; }

    private void Lobby()
    {
        MusubiManager a = Player("Ann"), b = Player("Bob");
        LobbyByCode one = a.gameObject.AddComponent<LobbyByCode>(), two = b.gameObject.AddComponent<LobbyByCode>();
        PlayerLoopShim.Send("Start");
        Pair(a, b);
        two.SetReady(true);
        for (int i = 0; i < 20; i++)
            Package.Frame();
        Check.That(!one.Started && !two.Started, "one is not ready");
        one.SetReady(true);
        Until(delegate { return one.Started && two.Started; }, "the game starts");
        End(a, b);
    }
}
