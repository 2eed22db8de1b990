using UnrealBuildTool;

public class MusubiNet : ModuleRules
{
	public MusubiNet(ReadOnlyTargetRules Target) : base(Target)
	{
		PCHUsage = PCHUsageMode.UseExplicitOrSharedPCHs;
		PublicDependencyModuleNames.AddRange(new string[] { "Core", "CoreUObject", "Engine", "Sockets", "OnlineSubsystemUtils", "Musubi", "MusubiCore" });
		PrivateDependencyModuleNames.AddRange(new string[] { "NetCore", "PacketHandler" });
	}
}
