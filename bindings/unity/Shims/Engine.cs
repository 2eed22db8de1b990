using System;
using System.Collections.Generic;

namespace UnityEngine
{
    [AttributeUsage(AttributeTargets.Field)] public sealed class SerializeField : Attribute { }
    [AttributeUsage(AttributeTargets.Field)] public class PropertyAttribute : Attribute { }
    public sealed class TooltipAttribute : PropertyAttribute { public readonly string tooltip; public TooltipAttribute(string tooltip) { this.tooltip = tooltip; } }
    public sealed class HeaderAttribute : PropertyAttribute { public HeaderAttribute(string header) { } }
    public sealed class SpaceAttribute : PropertyAttribute { }
    public sealed class RangeAttribute : PropertyAttribute { public RangeAttribute(float min, float max) { } }
    public sealed class MinAttribute : PropertyAttribute { public MinAttribute(float min) { } }
    public sealed class TextAreaAttribute : PropertyAttribute { public TextAreaAttribute(int min, int max) { } }
    public sealed class AddComponentMenu : Attribute { public AddComponentMenu(string menuName) { } }
    public sealed class DisallowMultipleComponent : Attribute { }
    public sealed class HelpURLAttribute : Attribute { public HelpURLAttribute(string url) { } }
    public sealed class DefaultExecutionOrder : Attribute { public DefaultExecutionOrder(int order) { } }
    [AttributeUsage(AttributeTargets.Class, AllowMultiple = true)] public sealed class RequireComponent : Attribute { public RequireComponent(Type type) { } }

    public sealed class CreateAssetMenuAttribute : Attribute
    {
        public string fileName { get; set; }
        public string menuName { get; set; }
        public int order { get; set; }
    }

    public enum RuntimeInitializeLoadType { AfterSceneLoad, BeforeSceneLoad, AfterAssembliesLoaded, BeforeSplashScreen, SubsystemRegistration }

    public sealed class RuntimeInitializeOnLoadMethodAttribute : Attribute
    {
        public RuntimeInitializeLoadType loadType { get; private set; }
        public RuntimeInitializeOnLoadMethodAttribute(RuntimeInitializeLoadType loadType) { this.loadType = loadType; }
    }

    public static class Debug
    {
        /// <summary>Of the tests: what was logged, "error: text".</summary>
        public static readonly List<string> Said = new List<string>();

        public static void Log(object message) { Said.Add("log: " + message); }
        public static void Log(object message, Object context) { Log(message); }
        public static void LogWarning(object message) { Said.Add("warning: " + message); }
        public static void LogWarning(object message, Object context) { LogWarning(message); }
        public static void LogError(object message) { Said.Add("error: " + message); }
        public static void LogError(object message, Object context) { LogError(message); }
        public static void LogException(Exception exception, Object context) { Said.Add("exception: " + exception.Message); }
    }

    public static class Time
    {
        public static float realtimeSinceStartup { get; internal set; }
        public static float unscaledTime { get; internal set; }
        public static float time { get { return unscaledTime; } }
        public static float deltaTime { get { return 1f / 60; } }
        public static int frameCount { get; internal set; }
    }

    public enum RuntimePlatform { LinuxEditor, LinuxPlayer, WindowsEditor, WindowsPlayer, OSXEditor, OSXPlayer, Android, IPhonePlayer, WebGLPlayer }

    public static class Application
    {
        public static event Action quitting;
        public static string productName { get { return "unity-test"; } }
        public static string unityVersion { get { return "shim"; } }
        public static bool isPlaying { get; set; }
        public static bool isEditor { get { return true; } }
        public static bool runInBackground { get; set; }
        public static RuntimePlatform platform { get { return RuntimePlatform.LinuxEditor; } }

        /// <summary>Of the tests: the player quits.</summary>
        public static void QuitShim()
        {
            if (quitting != null)
                quitting();
        }
    }

    public static class Resources
    {
        /// <summary>Of the tests: what lies in Resources folders, by path.</summary>
        public static readonly Dictionary<string, Object> Shim = new Dictionary<string, Object>();

        public static T Load<T>(string path) where T : Object
        {
            Object o;
            return Shim.TryGetValue(path, out o) ? o as T : null;
        }
    }

    public static class Mathf
    {
        public static float Sin(float f) { return (float)Math.Sin(f); }
        public static int RoundToInt(float f) { return (int)Math.Round(f); }
        public static float Max(float a, float b) { return Math.Max(a, b); }
        public static float Clamp(float value, float min, float max) { return Math.Max(min, Math.Min(max, value)); }
    }

    public struct Vector2
    {
        public float x, y;
        public Vector2(float x, float y) { this.x = x; this.y = y; }
        public static Vector2 zero { get { return new Vector2(); } }
    }

    public struct Vector3
    {
        public float x, y, z;
        public Vector3(float x, float y, float z) { this.x = x; this.y = y; this.z = z; }
        public static Vector3 zero { get { return new Vector3(); } }
    }

    public struct Color
    {
        public float r, g, b, a;
        public Color(float r, float g, float b, float a = 1) { this.r = r; this.g = g; this.b = b; this.a = a; }
        public static Color white { get { return new Color(1, 1, 1); } }
        public static Color green { get { return new Color(0, 1, 0); } }
        public static Color yellow { get { return new Color(1, 0.92f, 0.016f); } }
        public static Color red { get { return new Color(1, 0, 0); } }
    }
}
