using UnityEditor;

namespace Musubi.Editor
{
    /// <summary>The moments at which an editor takes the game's code away: scripts are reloaded, play mode is left, the editor quits. The
    /// native library stays loaded, so every client must end first.</summary>
    [InitializeOnLoad]
    public static class MusubiEditorLifecycle
    {
        static MusubiEditorLifecycle()
        {
            AssemblyReloadEvents.beforeAssemblyReload += MusubiLifecycle.EndAll;
            EditorApplication.quitting += MusubiLifecycle.EndAll;
            EditorApplication.playModeStateChanged += Changed;
        }

        private static void Changed(PlayModeStateChange change)
        {
            if (change == PlayModeStateChange.ExitingPlayMode)
                MusubiLifecycle.EndAll();
        }
    }
}
