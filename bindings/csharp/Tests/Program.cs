using System;
using Musubi;

/// <summary>Tests of the C# binding: real library, real server, loopback.   tests.exe SERVER</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        if (args.Length != 1)
        {
            Console.Error.WriteLine("usage: tests.exe musubi://...");
            return 2;
        }
        Player.Server = args[0];
        Check.Note("library " + Library.Version + ", " + Environment.Version + ", " + (IntPtr.Size * 8) + " bits");
        LifeTests.All();
        RoomTests.All();
        MessageTests.All();
        GarbageTests.All();
        return Check.Done();
    }
}
