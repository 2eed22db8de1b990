using System;
using System.Diagnostics;

/// <summary>A runner of a few lines: each test is a method, a failure is an exception, output is TAP-like.</summary>
internal static class Check
{
    private static int run, failed;

    internal static void Run(string name, Action test)
    {
        Stopwatch clock = Stopwatch.StartNew();
        run++;
        try
        {
            test();
            Console.WriteLine("ok " + run + " " + name + " (" + clock.ElapsedMilliseconds + " ms)");
        }
        catch (Exception e)
        {
            failed++;
            Console.WriteLine("not ok " + run + " " + name + "\n" + e);
        }
    }

    /// <summary>Prints the plan; the program's exit code.</summary>
    internal static int Done()
    {
        Console.WriteLine("1.." + run + (failed == 0 ? "" : ", " + failed + " failed"));
        return failed == 0 ? 0 : 1;
    }

    internal static void That(bool condition, string what)
    {
        if (!condition)
            throw new Exception("failed: " + what);
    }

    internal static void Equal(object want, object got, string what)
    {
        if (!want.Equals(got))
            throw new Exception(what + ": got " + got + ", want " + want);
    }

    /// <summary>The exception of a kind that an action must throw.</summary>
    internal static T Throws<T>(Action action) where T : Exception
    {
        try
        {
            action();
        }
        catch (T e)
        {
            return e;
        }
        throw new Exception("no " + typeof(T).Name + " was thrown");
    }

    internal static void Note(string text) { Console.WriteLine("# " + text); }
}
