using System;
using System.Runtime.InteropServices;

namespace Musubi
{
    /// <summary>The native library behind the binding: libmusubi.so, musubi.dll, libmusubi.dylib, or linked in on iOS.</summary>
    public static unsafe class Library
    {
        private static volatile bool fits; // no lock: threads that look at the same time find the same

        /// <summary>The file that this system looks for: "libmusubi.so", "musubi.dll", "libmusubi.dylib".</summary>
        public static string FileName
        {
            get
            {
                if (RuntimeInformation.IsOSPlatform(OSPlatform.Windows))
                    return "musubi.dll";
                return RuntimeInformation.IsOSPlatform(OSPlatform.OSX) ? "libmusubi.dylib" : "libmusubi.so";
            }
        }

        /// <summary>Version of the loaded library, "0.1.0".</summary>
        public static string Version
        {
            get
            {
                Check();
                return Utf8.Read(NativeMethods.musubi_version());
            }
        }

        /// <summary>Whether the native library is there and fits this binding. Never throws.</summary>
        public static bool IsSupported
        {
            get
            {
                string why;
                return TryLoad(out why);
            }
        }

        /// <summary>Loads the native library if it is not loaded yet. False with a sentence that says why it can't be
        /// used: missing, of another kind of processor, or not of this binding's version. Never throws.</summary>
        public static bool TryLoad(out string why)
        {
            try
            {
                Check();
                why = "";
                return true;
            }
            catch (MusubiException e)
            {
                why = e.Message;
                return false;
            }
        }

        /// <summary>The library's sentence for a code.</summary>
        public static string Describe(ResultCode code)
        {
            Check();
            return Utf8.Read(NativeMethods.musubi_strerror((int)code));
        }

        /// <summary>Refuses a library that is missing or not this binding's, before anything of it is used: a struct of
        /// another size would corrupt memory.</summary>
        internal static void Check()
        {
            if (fits)
                return;
            try
            {
                Compare();
            }
            catch (DllNotFoundException e)
            {
                throw new MusubiException(ResultCode.Version, "the native library " + FileName + " of version " + Limits.Version +
                    " was not found where this program looks for it: " + Brief(e), e);
            }
            catch (BadImageFormatException e)
            {
                throw new MusubiException(ResultCode.Version, "the native library " + FileName + " that was found is for another " +
                    "kind of processor than this program: " + Brief(e), e);
            }
            catch (EntryPointNotFoundException e)
            {
                throw Mismatch("one without " + Brief(e), e);
            }
            fits = true;
        }

        /// <summary>Mono adds names of assemblies and types, which it does not know here.</summary>
        private static string Brief(Exception e)
        {
            int end = e.Message.IndexOf(" assembly:", StringComparison.Ordinal);
            return end < 0 ? e.Message : e.Message.Substring(0, end);
        }

        private static void Compare()
        {
            uint abi = NativeMethods.musubi_abi_version();
            if (abi != Limits.AbiVersion)
                throw Mismatch("ABI " + abi + ", version " + Utf8.Read(NativeMethods.musubi_version()), null);
            NativeApi* api = NativeMethods.musubi_get_api(Limits.AbiVersion);
            if (api == null)
                throw Mismatch("one that offers no ABI " + Limits.AbiVersion, null);
            if (api->structSize < sizeof(NativeApi))
                throw Mismatch("ABI " + abi + " of version " + Utf8.Read(NativeMethods.musubi_version()) + ", an older one that lacks functions", null);
            Same("musubi_event", sizeof(NativeEvent), api->eventSize);
            Same("musubi_message", sizeof(NativeMessage), api->messageSize);
            AtLeast("musubi_config", sizeof(NativeConfig), api->configSize);
            AtLeast("musubi_stats", sizeof(PeerStats), api->statsSize);
            AtLeast("musubi_nat", sizeof(NatInfo), api->natSize);
            AtLeast("musubi_simulation", sizeof(Simulation), api->simulationSize);
            AtLeast("musubi_totals", sizeof(ClientStats), api->totalsSize);
            AtLeast("musubi_room_config", sizeof(NativeRoomConfig), api->roomConfigSize);
            AtLeast("musubi_join_config", sizeof(NativeJoinConfig), api->joinConfigSize);
        }

        /// <summary>These structs grow: a newer library takes the shorter ones of this binding.</summary>
        private static void AtLeast(string name, int ours, uint theirs)
        {
            if (theirs < ours)
                Same(name, ours, theirs);
        }

        private static void Same(string name, int ours, uint theirs)
        {
            if (ours != theirs)
                throw Mismatch("ABI " + Limits.AbiVersion + " whose " + name + " has " + theirs + " bytes instead of " + ours, null);
        }

        private static MusubiException Mismatch(string found, Exception inner)
        {
            return new MusubiException(ResultCode.Version, "the native library " + FileName + " does not fit this binding: expected ABI " +
                Limits.AbiVersion + " of version " + Limits.Version + ", found " + found + ". Replace the native file and the C# files together.", inner);
        }
    }
}
