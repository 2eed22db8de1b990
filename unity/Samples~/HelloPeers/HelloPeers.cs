using System.Text;
using Musubi;
using UnityEngine;

/// <summary>Two players say hello. Put it on an empty object, press play in two windows; host in one, type its code in the other.</summary>
[RequireComponent(typeof(MusubiManager))]
public sealed class HelloPeers : MonoBehaviour
{
    private MusubiManager musubi;
    private string code = "", said = "";

    private void Start()
    {
        musubi = GetComponent<MusubiManager>();
        musubi.RoomEntered += delegate(string c) { said = "in room " + c; };
        musubi.RoomLeft += delegate(string why) { said = "in no room: " + why; };
        musubi.PlayerConnected += delegate(Peer p) { musubi.Send(p, Encoding.UTF8.GetBytes("hello")); };
        musubi.PlayerDisconnected += delegate(Peer p, string why) { said = "a player left: " + why; };
        musubi.MessageReceived += delegate(Peer p, System.ReadOnlySpan<byte> data, DeliveryMode mode, int channel)
        {
            said = musubi.GetName(p) + " says " + Encoding.UTF8.GetString(data.ToArray());
        };
    }

    private void OnGUI()
    {
        GUILayout.Label(said);
        if (musubi.State != MusubiState.Idle)
        {
            GUILayout.Label("join code " + musubi.Code + ", players connected " + musubi.PlayerCount);
            if (GUILayout.Button("Leave"))
                musubi.Leave();
            return;
        }
        if (GUILayout.Button("Host"))
            musubi.Host();
        code = GUILayout.TextField(code);
        if (GUILayout.Button("Join"))
            musubi.Join(code);
    }
}
