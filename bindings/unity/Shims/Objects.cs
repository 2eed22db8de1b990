// What the package uses of UnityEngine, written from the public scripting reference, for tests under Mono: signatures as documented,
// behaviour as far as a test needs it. Never shipped.
using System;
using System.Collections.Generic;
using System.Reflection;

namespace UnityEngine
{
    public class Object
    {
        internal static readonly List<Object> Alive = new List<Object>();
        internal bool destroyed;

        public string name { get; set; }
        public HideFlags hideFlags { get; set; }

        public Object() { Alive.Add(this); }

        public static void Destroy(Object o) { DestroyImmediate(o); }

        public static void DestroyImmediate(Object o)
        {
            if (o == null)
                return;
            GameObject g = o as GameObject;
            if (g != null)
                g.End();
            MonoBehaviour m = o as MonoBehaviour;
            if (m != null)
                m.End();
            o.destroyed = true;
            Alive.Remove(o);
        }

        public static void DontDestroyOnLoad(Object target) { }

        public static T[] FindObjectsOfType<T>() where T : Object
        {
            List<T> found = new List<T>();
            foreach (Object o in Alive)
                if (o is T)
                    found.Add((T)o);
            return found.ToArray();
        }

        public static T FindObjectOfType<T>() where T : Object
        {
            T[] all = FindObjectsOfType<T>();
            return all.Length > 0 ? all[0] : null;
        }

        public static implicit operator bool(Object o) { return o != null; }

        // A destroyed object equals null.
        public static bool operator ==(Object a, Object b) { return Gone(a) ? Gone(b) : ReferenceEquals(a, b); }
        public static bool operator !=(Object a, Object b) { return !(a == b); }
        private static bool Gone(Object o) { return ReferenceEquals(o, null) || o.destroyed; }
        public override bool Equals(object o) { return ReferenceEquals(this, o); }
        public override int GetHashCode() { return System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this); }
        public override string ToString() { return name ?? GetType().Name; }
    }

    [Flags]
    public enum HideFlags { None = 0, HideInHierarchy = 1, DontSave = 52, HideAndDontSave = 61 }

    public class Component : Object
    {
        public GameObject gameObject { get; internal set; }
        public Transform transform { get { return gameObject.transform; } }
        public T GetComponent<T>() { return gameObject.GetComponent<T>(); }
    }

    public class Transform : Component
    {
        public Vector3 position { get; set; }
    }

    public class Behaviour : Component
    {
        public bool enabled = true;
        public bool isActiveAndEnabled { get { return enabled && !destroyed; } }
    }

    public class MonoBehaviour : Behaviour
    {
        internal void Begin()
        {
            Call("Awake");
            Call("OnEnable");
        }

        internal void End()
        {
            if (destroyed)
                return;
            Call("OnDisable");
            Call("OnDestroy");
            destroyed = true;
        }

        // Messages are private methods of any class on the way up.
        internal void Call(string message, params object[] arguments)
        {
            for (Type t = GetType(); t != typeof(MonoBehaviour); t = t.BaseType)
            {
                MethodInfo m = t.GetMethod(message, BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly);
                if (m == null)
                    continue;
                try { m.Invoke(this, arguments); }
                catch (TargetInvocationException e) { System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(e.InnerException).Throw(); }
                return;
            }
        }
    }

    public class ScriptableObject : Object
    {
        public static T CreateInstance<T>() where T : ScriptableObject { return (T)Activator.CreateInstance(typeof(T)); }
    }

    public sealed class GameObject : Object
    {
        private readonly List<Component> components = new List<Component>();
        public Transform transform { get; private set; }

        public GameObject() : this("GameObject") { }

        public GameObject(string name)
        {
            this.name = name;
            transform = new Transform();
            transform.gameObject = this;
        }

        public T AddComponent<T>() where T : Component
        {
            T c = (T)Activator.CreateInstance(typeof(T));
            c.gameObject = this;
            components.Add(c);
            MonoBehaviour m = c as MonoBehaviour;
            if (m != null)
                m.Begin();
            return c;
        }

        public T GetComponent<T>()
        {
            foreach (Component c in components)
                if (c is T)
                    return (T)(object)c;
            return default(T);
        }

        internal void End()
        {
            foreach (Component c in components.ToArray())
                DestroyImmediate(c);
            components.Clear();
        }
    }

    /// <summary>Takes away what a test made.</summary>
    public static class ObjectsShim
    {
        public static List<Object> Snapshot() { return new List<Object>(Object.Alive); }

        public static void DestroySince(List<Object> before)
        {
            HashSet<Object> keep = new HashSet<Object>(before);
            foreach (Object o in Object.Alive.ToArray())
                if (!keep.Contains(o))
                    Object.DestroyImmediate(o);
        }
    }

    /// <summary>The player loop of the tests.</summary>
    public static class PlayerLoopShim
    {
        public static void Send(string message, params object[] arguments)
        {
            foreach (Object o in Object.Alive.ToArray())
            {
                MonoBehaviour m = o as MonoBehaviour;
                if (m != null && !m.destroyed && m.enabled)
                    m.Call(message, arguments);
            }
        }

        public static void Frame()
        {
            Time.realtimeSinceStartup = (float)clock.Elapsed.TotalSeconds;
            Time.unscaledTime = Time.realtimeSinceStartup;
            Time.frameCount++;
            Send("Update");
            Send("LateUpdate");
        }

        private static readonly System.Diagnostics.Stopwatch clock = System.Diagnostics.Stopwatch.StartNew();

        /// <summary>What Unity does before a scene loads, in every assembly, for one moment of it.</summary>
        public static void Start(RuntimeInitializeLoadType when)
        {
            foreach (Assembly a in AppDomain.CurrentDomain.GetAssemblies())
                foreach (Type t in a.GetTypes())
                    foreach (MethodInfo m in t.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
                        foreach (RuntimeInitializeOnLoadMethodAttribute r in m.GetCustomAttributes(typeof(RuntimeInitializeOnLoadMethodAttribute), false))
                            if (r.loadType == when)
                                m.Invoke(null, null);
        }
    }
}
