using System.Collections.Generic;
using UnityEngine;

namespace Musubi
{
    /// <summary>Tells every client when the app is hidden or the device sleeps, and when it is back: the others wait instead of giving up.
    /// Makes itself before the first scene.</summary>
    [AddComponentMenu("")]
    public sealed class MusubiPauseWatcher : MonoBehaviour
    {
        private static readonly List<Client> clients = new List<Client>();

        [RuntimeInitializeOnLoadMethod(RuntimeInitializeLoadType.BeforeSceneLoad)]
        private static void Begin()
        {
            GameObject o = new GameObject("Musubi pause watcher");
            o.hideFlags = HideFlags.HideInHierarchy;
            DontDestroyOnLoad(o);
            o.AddComponent<MusubiPauseWatcher>();
        }

        private void OnApplicationPause(bool paused)
        {
            int ms = Mathf.RoundToInt(MusubiSettings.Current.PauseTimeout * 1000);
            LiveClients.CopyTo(clients);
            foreach (Client c in clients)
                try
                {
                    if (!paused)
                        c.Resume();
                    else if (ms > 0)
                        c.Suspend(ms);
                }
                catch (MusubiException e) { Debug.LogWarning("Musubi: " + e.Message, this); } // its queue is full, or it has failed
            clients.Clear();
        }
    }
}
