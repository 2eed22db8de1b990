using UnrealBuildTool;

public class MusubiCore : ModuleRules
{
	public MusubiCore(ReadOnlyTargetRules Target) : base(Target)
	{
		PCHUsage = PCHUsageMode.UseExplicitOrSharedPCHs;
		PublicDependencyModuleNames.AddRange(new string[] { "Core", "MusubiLibrary" });
		PublicDefinitions.Add("MUSUBI_WITH_ENGINE=1"); // the export macros need the engine's words for them
	}
}
