using UnityEngine;

namespace Musubi
{
    /// <summary>Ends every client when the code that owns it goes: the native library stays loaded for the whole life of an editor, and
    /// would keep them connected. The editor's own moments (reload, leaving play mode) are in Musubi.Editor.</summary>
    public static class MusubiLifecycle
    {
        /// <summary>Before the first scene, also where the editor does not reload the domain on entering play mode: nothing of the last
        /// game is left.</summary>
        [RuntimeInitializeOnLoadMethod(RuntimeInitializeLoadType.SubsystemRegistration)]
        private static void Begin()
        {
            EndAll();
            Application.quitting -= EndAll;
            Application.quitting += EndAll;
        }

        /// <summary>Disposes every client of this program, delivering what was sent for at most a second, and forgets statics.</summary>
        public static void EndAll()
        {
            LiveClients.DisposeAll();
            MusubiSettings.Forget();
        }
    }
}
