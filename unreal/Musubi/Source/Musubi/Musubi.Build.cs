using UnrealBuildTool;

public class Musubi : ModuleRules
{
	public Musubi(ReadOnlyTargetRules Target) : base(Target)
	{
		PCHUsage = PCHUsageMode.UseExplicitOrSharedPCHs;
		PublicDependencyModuleNames.AddRange(new string[] { "Core", "CoreUObject", "Engine", "DeveloperSettings", "MusubiCore" });
		PrivateDependencyModuleNames.AddRange(new string[] { "Projects" }); // where the plugin lies
	}
}
