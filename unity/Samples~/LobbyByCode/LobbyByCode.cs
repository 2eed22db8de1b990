using System.Collections.Generic;
using Musubi;
using UnityEngine;

/// <summary>A lobby: players come by code and say that they are ready; when all of them are, the host starts the game. The host decides,
/// so the others send to everybody and believe only the host.</summary>
[RequireComponent(typeof(MusubiManager))]
public sealed class LobbyByCode : MonoBehaviour
{
    private const byte Ready = 1, NotReady = 2, Start_ = 3; // a message's only byte

    /// <summary>Players that a game needs.</summary>
    [Tooltip("Players that a game needs, this one included.")]
    public int Needed = 2;

    private readonly HashSet<Peer> ready = new HashSet<Peer>();
    private MusubiManager musubi;
    private Peer host; // None: this player
    private bool iAmReady, started;
    private string code = "", said = "";

    /// <summary>Whether the host has started the game.</summary>
    public bool Started { get { return started; } }

    private void Start()
    {
        musubi = GetComponent<MusubiManager>();
        musubi.AnyEvent += delegate(Musubi.Event e)
        {
            if (e.Kind == EventKind.RoomJoined || e.Kind == EventKind.OwnerChanged)
                host = e.Peer;
        };
        musubi.RoomEntered += delegate(string c) { said = "tell your friends: " + c; };
        musubi.RoomLeft += delegate(string why) { Reset(why); };
        musubi.PlayerConnected += delegate(Peer p) { musubi.Send(p, new byte[] { iAmReady ? Ready : NotReady }); };
        musubi.PlayerDisconnected += delegate(Peer p, string why) { ready.Remove(p); };
        musubi.MessageReceived += Received;
    }

    private void Reset(string why)
    {
        said = why;
        ready.Clear();
        iAmReady = started = false;
    }

    private void Received(Peer player, System.ReadOnlySpan<byte> data, DeliveryMode mode, int channel)
    {
        if (data.Length != 1)
            return; // another version of the game
        if (data[0] == Ready)
            ready.Add(player);
        else if (data[0] == NotReady)
            ready.Remove(player);
        else if (data[0] == Start_ && player == host)
            started = true;
        StartIfAllAre();
    }

    /// <summary>This player is ready, or not any more.</summary>
    public void SetReady(bool value)
    {
        iAmReady = value;
        musubi.SendToAll(new byte[] { value ? Ready : NotReady });
        StartIfAllAre();
    }

    private void StartIfAllAre()
    {
        bool all = iAmReady && ready.Count == musubi.PlayerCount && musubi.PlayerCount + 1 >= Needed;
        if (started || !all || !host.IsNone)
            return;
        started = true;
        musubi.SendToAll(new byte[] { Start_ });
    }

    private void OnGUI()
    {
        GUILayout.Label(started ? "the game starts" : said);
        if (musubi.State == MusubiState.Idle)
        {
            if (GUILayout.Button("Host"))
                musubi.Host();
            code = GUILayout.TextField(code);
            if (GUILayout.Button("Join"))
                musubi.Join(code);
            return;
        }
        GUILayout.Label("room " + musubi.Code + ": " + (ready.Count + (iAmReady ? 1 : 0)) + " of " + (musubi.PlayerCount + 1) + " ready");
        if (!started && GUILayout.Button(iAmReady ? "Not ready" : "Ready"))
            SetReady(!iAmReady);
        if (GUILayout.Button("Leave"))
            musubi.Leave();
    }
}
