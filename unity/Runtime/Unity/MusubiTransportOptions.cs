using System;
using UnityEngine;

namespace Musubi
{
    /// <summary>What the transports for Netcode for GameObjects, Mirror and FishNet show in the inspector.</summary>
    [Serializable]
    public sealed class MusubiTransportOptions
    {
        /// <summary>Server and game; none: the project's.</summary>
        [Tooltip("Server and game. None: the project's asset MusubiSettings.")]
        public MusubiSettings Settings;

        /// <summary>Players of a game, the host included.</summary>
        [Tooltip("Players of a game, the host included.")]
        [Range(2, Limits.MaxRoomMembers)]
        public int MaxPlayers = 16;

        /// <summary>Seconds after which joining is given up.</summary>
        [Tooltip("Seconds after which joining is given up, whatever it waits for.")]
        [Range(1, 120)]
        public float ConnectTimeout = 20;

        /// <summary>The room's password, of the host and of whoever joins; it never reaches the server. Null: none.</summary>
        [NonSerialized] public string Password;

        /// <summary>Wished user id.</summary>
        [NonSerialized] public string User;

        /// <summary>Access token from the game's backend.</summary>
        [NonSerialized] public byte[] Token;

        /// <summary>Changes to what the library gets, for what has no field here; null: none.</summary>
        [NonSerialized] public Action<ClientOptions> Configure;

        /// <summary>As a star takes it.</summary>
        public StarOptions ToStarOptions()
        {
            StarOptions o = new StarOptions();
            o.Client = (Settings != null ? Settings : MusubiSettings.Current).ToClientOptions();
            o.Client.User = User;
            o.Client.Token = Token;
            o.Password = string.IsNullOrEmpty(Password) ? null : Password;
            o.MaxGuests = MaxPlayers - 1;
            o.ConnectTimeoutMs = (int)(ConnectTimeout * 1000);
            if (Configure != null)
                Configure(o.Client);
            return o;
        }
    }
}
