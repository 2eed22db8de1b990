// What the package uses of UnityEditor, written from the public scripting reference, for tests under Mono. Never shipped.
using System;
using System.Collections.Generic;
using UnityEngine;

namespace UnityEditor
{
    public sealed class InitializeOnLoadAttribute : Attribute { }
    public sealed class MenuItem : Attribute { public MenuItem(string itemName) { } }
    public sealed class CustomEditor : Attribute { public CustomEditor(Type inspectedType) { } }
    public enum MessageType { None, Info, Warning, Error }
    public enum PlayModeStateChange { EnteredEditMode, ExitingEditMode, EnteredPlayMode, ExitingPlayMode }

    public class Editor : ScriptableObject
    {
        public UnityEngine.Object target { get; set; }
        public virtual void OnInspectorGUI() { }
        public virtual bool RequiresConstantRepaint() { return false; }
        public bool DrawDefaultInspector() { return true; }
    }

    public class EditorWindow : ScriptableObject
    {
        private static readonly Dictionary<Type, EditorWindow> open = new Dictionary<Type, EditorWindow>();
        public GUIContent titleContent { get; set; }

        public static T GetWindow<T>(string title) where T : EditorWindow
        {
            EditorWindow w;
            if (!open.TryGetValue(typeof(T), out w))
            {
                open[typeof(T)] = w = CreateInstance<T>();
                w.Shim("OnEnable");
            }
            return (T)w;
        }

        public void Repaint() { Shim("OnGUI"); }

        /// <summary>Of the tests: one of Unity's messages.</summary>
        public void Shim(string message)
        {
            System.Reflection.MethodInfo m = GetType().GetMethod(message, System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic);
            if (m != null)
                m.Invoke(this, null);
        }
    }

    public static class EditorGUILayout
    {
        public static void HelpBox(string message, MessageType type) { GUI.DrawnShim.AppendLine(type + ": " + message); }
        public static void LabelField(string label, string label2, params GUILayoutOption[] options) { GUI.DrawnShim.AppendLine(label + ": " + label2); }
        public static string TextField(string label, string text, params GUILayoutOption[] options) { return text; }
    }

    public static class EditorGUIUtility { public static string systemCopyBuffer { get; set; } }

    public static class EditorApplication
    {
        public delegate void CallbackFunction();
        public static CallbackFunction update;
        public static event Action quitting;
        public static event Action<PlayModeStateChange> playModeStateChanged;

        /// <summary>Of the tests.</summary>
        public static void ChangeShim(PlayModeStateChange change)
        {
            if (playModeStateChanged != null)
                playModeStateChanged(change);
        }

        /// <summary>Of the tests.</summary>
        public static void QuitShim()
        {
            if (quitting != null)
                quitting();
        }
    }

    public static class AssemblyReloadEvents
    {
        public delegate void AssemblyReloadCallback();
        public static event AssemblyReloadCallback beforeAssemblyReload;

        /// <summary>Of the tests.</summary>
        public static void ReloadShim()
        {
            if (beforeAssemblyReload != null)
                beforeAssemblyReload();
        }
    }

    public static class PlayerSettings { public static bool runInBackground { get; set; } }

    public static class Selection { public static UnityEngine.Object activeObject { get; set; } }

    public static class AssetDatabase
    {
        public static readonly Dictionary<string, UnityEngine.Object> Shim = new Dictionary<string, UnityEngine.Object>();
        public static bool IsValidFolder(string path) { return false; }
        public static string CreateFolder(string parentFolder, string newFolderName) { return ""; }
        public static void CreateAsset(UnityEngine.Object asset, string path) { Shim[path] = asset; }
        public static void SaveAssets() { }
    }
}
