using UnityEngine;

namespace Musubi
{
    /// <summary>What is the same for all of a project: the server, the game's name, limits. An asset named "MusubiSettings" in a
    /// Resources folder is found by itself (Assets ▸ Create ▸ Musubi ▸ Settings); components may be given another one.</summary>
    [CreateAssetMenu(fileName = AssetName, menuName = "Musubi/Settings", order = 300)]
    public sealed class MusubiSettings : ScriptableObject
    {
        /// <summary>Name of the asset that is found by itself.</summary>
        public const string AssetName = "MusubiSettings";

        /// <summary>Address of the server, key included.</summary>
        [Tooltip("Address that `musubi server` prints, key included: musubi://192.168.1.5:3478/#rJ3k… Empty: no server, players in the same local network find each other.")]
        public string Server = "";

        /// <summary>Name of the game.</summary>
        [Tooltip("Name of the game, at most 64 bytes: players of different games never meet. Empty: the product name.")]
        public string App = "";

        /// <summary>Silence after which a player counts as lost, seconds.</summary>
        [Tooltip("Silence after which a player counts as lost, seconds.")]
        [Range(1, 600)]
        public float IdleTimeout = 10;

        /// <summary>Whether the router is asked for a port.</summary>
        [Tooltip("Ask the player's router for a port (UPnP, NAT-PMP, PCP): more direct connections.")]
        public bool PortMapping = true;

        /// <summary>How long a hidden or sleeping app is waited for, seconds.</summary>
        [Tooltip("How long the others wait for a player whose app is hidden or whose device sleeps, seconds.")]
        [Range(0, 600)]
        public float PauseTimeout = 60;

        private static MusubiSettings current;

        /// <summary>The project's settings: the asset "MusubiSettings" in a Resources folder, or defaults.</summary>
        public static MusubiSettings Current
        {
            get
            {
                if (current == null)
                    current = Resources.Load<MusubiSettings>(AssetName);
                if (current == null)
                    current = CreateInstance<MusubiSettings>();
                return current;
            }
        }

        /// <summary>Forgets what was found, so that the next look finds an asset that was made meanwhile.</summary>
        public static void Forget() { current = null; }

        /// <summary>As the library takes it. Fields that are not on this asset (user, token) may be set on the result.</summary>
        public ClientOptions ToClientOptions()
        {
            ClientOptions o = new ClientOptions(string.IsNullOrEmpty(Server) ? null : Server.Trim());
            o.App = string.IsNullOrEmpty(App) ? Application.productName : App;
            o.IdleTimeoutMs = (int)(IdleTimeout * 1000);
            o.Flags = PortMapping ? ClientFlags.None : ClientFlags.NoPortMapping;
            return o;
        }
    }
}
