using System;

internal static class Program
{
    /// <summary>suite.exe SERVER [full] [only TEXT]</summary>
    private static int Main(string[] args)
    {
        bool full = Array.IndexOf(args, "full") >= 0;
        End.Server = args[0];
        int only = Array.IndexOf(args, "only");
        Contract.Only = only < 0 ? null : args[only + 1];
#if NETCODE
        new Contract(new NetcodeStack(), full).All();
#elif MIRROR
        new Contract(new MirrorStack(), full).All();
#elif FISHNET
        new Contract(new FishNetStack(), full).All();
#endif
        return Check.Done();
    }
}
