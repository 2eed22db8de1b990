using UnrealBuildTool;

public class MusubiTests : ModuleRules
{
	public MusubiTests(ReadOnlyTargetRules Target) : base(Target)
	{
		PCHUsage = PCHUsageMode.UseExplicitOrSharedPCHs;
		PrivateDependencyModuleNames.AddRange(new string[] { "Core", "CoreUObject", "Engine", "Sockets", "OnlineSubsystemUtils", "Musubi", "MusubiCore", "MusubiNet" });
	}
}
