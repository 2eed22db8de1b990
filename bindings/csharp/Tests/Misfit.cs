using System;
using Musubi;

/// <summary>What the binding says of a native library that it must refuse; test.sh puts a wrong one in place.</summary>
internal static class Misfit
{
    private static int Main()
    {
        string why;
        if (Library.IsSupported || Library.TryLoad(out why))
        {
            Console.WriteLine("accepted");
            return 1;
        }
        try
        {
            new Client("musubi://127.0.0.1:9/#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
            Console.WriteLine("made a client");
            return 1;
        }
        catch (MusubiException e)
        {
            Console.WriteLine(e.Message == why && e.Code == ResultCode.Version ? why : "another message: " + e.Message);
            return 0;
        }
    }
}
