using System;
using System.Collections;
using System.Collections.Generic;
using System.Reflection;
using System.Threading;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.TestTools;

/// <summary>Runs the tests that the package ships, as Unity's test runner would, then those of its components.
///   package.exe SERVER
///   package.exe misfit    with a library that is missing or another one: what people are told</summary>
internal static class Package
{
    private static int Main(string[] args)
    {
        if (args[0] == "misfit")
            return Misfit();
        Shipped(typeof(Musubi.Tests.ManagerTests).Assembly);
        Shipped(typeof(Musubi.Editor.Tests.EditorTests).Assembly);
        new Components(args[0]).All();
        return Check.Done();
    }

    private static int Misfit()
    {
        List<Musubi.DoctorLine> lines = new List<Musubi.DoctorLine>();
        Musubi.Editor.MusubiProject.Check(lines);
        Console.WriteLine("project: " + lines[0].Text);
        Musubi.MusubiManager manager = new GameObject().AddComponent<Musubi.MusubiManager>();
        manager.RoomLeft += delegate(string why) { Console.WriteLine("manager: " + why); };
        manager.Host();
        Musubi.StarHost host;
        string reason;
        Musubi.StarHost.TryStart(new Musubi.StarOptions(), out host, out reason);
        Console.WriteLine("host: " + reason);
        return Musubi.Library.IsSupported ? 1 : 0;
    }

    private static void Shipped(Assembly tests)
    {
        foreach (Type t in tests.GetTypes())
            foreach (MethodInfo m in t.GetMethods())
            {
                Type type = t;
                MethodInfo method = m;
                if (m.GetCustomAttributes(typeof(TestAttribute), false).Length > 0)
                    Check.Run("shipped: " + t.Name + "." + m.Name, delegate { Invoke(type, method); });
                else if (m.GetCustomAttributes(typeof(UnityTestAttribute), false).Length > 0)
                    Check.Run("shipped: " + t.Name + "." + m.Name, delegate { Play((IEnumerator)Invoke(type, method)); });
            }
    }

    private static object Invoke(Type type, MethodInfo method)
    {
        try { return method.Invoke(Activator.CreateInstance(type), null); }
        catch (TargetInvocationException e) { throw new Exception(e.InnerException.Message, e.InnerException); }
    }

    /// <summary>A test that lasts over frames; an enumerator that it yields is played first.</summary>
    private static void Play(IEnumerator test)
    {
        Stack<IEnumerator> playing = new Stack<IEnumerator>();
        playing.Push(test);
        while (playing.Count > 0)
        {
            if (!playing.Peek().MoveNext())
            {
                playing.Pop();
                continue;
            }
            if (playing.Peek().Current is IEnumerator)
                playing.Push((IEnumerator)playing.Peek().Current);
            else
                Frame();
        }
    }

    internal static void Frame()
    {
        PlayerLoopShim.Frame();
        PlayerLoopShim.Send("OnGUI");
        Thread.Sleep(1);
    }
}
