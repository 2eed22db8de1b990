using Mirror;
using Musubi;
using UnityEngine;

/// <summary>Mirror by join code. Put it on the object with NetworkManager and MusubiMirrorTransport.</summary>
[RequireComponent(typeof(NetworkManager))]
[RequireComponent(typeof(MusubiMirrorTransport))]
public sealed class MirrorQuickstart : MonoBehaviour
{
    private NetworkManager manager;
    private MusubiMirrorTransport transport_;
    private string code = "";

    private void Start()
    {
        manager = GetComponent<NetworkManager>();
        transport_ = GetComponent<MusubiMirrorTransport>();
        manager.transport = Transport.active = transport_;
        transport_.JoinCodeReady += delegate(string c) { Debug.Log("join code " + c); };
    }

    private void OnGUI()
    {
        if (transport_.ServerActive())
        {
            GUILayout.Label("join code " + transport_.JoinCode);
            if (GUILayout.Button("Stop"))
                manager.StopHost();
        }
        else if (manager.isNetworkActive)
        {
            GUILayout.Label(transport_.ClientConnected() ? "connected" : "connecting");
            if (GUILayout.Button("Leave"))
                manager.StopClient();
        }
        else
            Choose();
    }

    private void Choose()
    {
        if (GUILayout.Button("Host"))
            manager.StartHost();
        code = GUILayout.TextField(code);
        if (!GUILayout.Button("Join"))
            return;
        manager.networkAddress = code;
        manager.StartClient();
    }
}
