using Musubi;
using Unity.Netcode;
using UnityEngine;

/// <summary>Netcode for GameObjects by join code. Put it on the object with NetworkManager and MusubiNetcodeTransport.</summary>
[RequireComponent(typeof(NetworkManager))]
[RequireComponent(typeof(MusubiNetcodeTransport))]
public sealed class NetcodeQuickstart : MonoBehaviour
{
    private NetworkManager manager;
    private MusubiNetcodeTransport transport_;
    private string code = "";

    private void Start()
    {
        manager = GetComponent<NetworkManager>();
        transport_ = GetComponent<MusubiNetcodeTransport>();
        manager.NetworkConfig.NetworkTransport = transport_;
        transport_.JoinCodeReady += delegate(string c) { Debug.Log("join code " + c); };
    }

    private void OnGUI()
    {
        GUILayout.Label(transport_.LastReason ?? "");
        if (manager.IsListening)
        {
            GUILayout.Label(manager.IsServer ? "join code " + transport_.JoinCode : "round trip " + transport_.GetCurrentRtt(transport_.ServerClientId) + " ms");
            if (GUILayout.Button("Stop"))
                manager.Shutdown();
            return;
        }
        if (GUILayout.Button("Host"))
            manager.StartHost();
        code = GUILayout.TextField(code);
        if (GUILayout.Button("Join"))
        {
            transport_.JoinCode = code;
            manager.StartClient();
        }
    }
}
