// The native library: its header, and the file that is staged with a game. Nothing is linked; the module Musubi loads the file by hand,
// so that a missing one is a line in the log.
using System.IO;
using UnrealBuildTool;

public class MusubiLibrary : ModuleRules
{
	public MusubiLibrary(ReadOnlyTargetRules Target) : base(Target)
	{
		Type = ModuleType.External;
		PublicSystemIncludePaths.Add(Path.Combine(ModuleDirectory, "include"));

		// The same names as in MusubiLibraryCheck.cpp.
		if (Target.Platform == UnrealTargetPlatform.Win64)
		{
			Stage("Win64/musubi.dll");
		}
		else if (Target.Platform == UnrealTargetPlatform.Linux)
		{
			Stage("Linux/libmusubi.so");
		}
		else if (Target.Platform == UnrealTargetPlatform.LinuxArm64)
		{
			Stage("LinuxArm64/libmusubi.so");
		}
		else if (Target.Platform == UnrealTargetPlatform.Mac)
		{
			Stage("Mac/x64/libmusubi.dylib");
			Stage("Mac/arm64/libmusubi.dylib");
		}
		// Elsewhere there is no library; the plugin then says so when it starts.
	}

	private void Stage(string File)
	{
		RuntimeDependencies.Add(Path.Combine(PluginDirectory, "Binaries/ThirdParty/Musubi", File));
	}
}
