// Stand-ins for what Build.cs files use of UnrealBuildTool, written from its public pages, and a program that runs every rules file
// for each platform and configuration and prints what it asks for.   build_cs.exe PLUGIN_DIR MODULE...
using System;
using System.Collections.Generic;
using System.IO;

namespace UnrealBuildTool
{
	public enum UnrealTargetPlatform { Win64, Linux, LinuxArm64, Mac, Android, IOS }
	public enum UnrealTargetConfiguration { Debug, DebugGame, Development, Test, Shipping }
	public enum TargetType { Game, Editor, Client, Server, Program }

	public class ReadOnlyTargetRules
	{
		public UnrealTargetPlatform Platform;
		public UnrealTargetConfiguration Configuration;
		public TargetType Type;
	}

	public class RuntimeDependencyList
	{
		public readonly List<string> Inner = new List<string>();
		public void Add(string Path) { Inner.Add(Path); }
	}

	public class ModuleRules
	{
		public enum ModuleType { CPlusPlus, External }
		public enum PCHUsageMode { Default, NoPCHs, NoSharedPCHs, UseSharedPCHs, UseExplicitOrSharedPCHs }

		[ThreadStatic] public static string ShimModuleDirectory, ShimPluginDirectory;

		public readonly ReadOnlyTargetRules Target;
		public readonly string ModuleDirectory = ShimModuleDirectory;
		public readonly string PluginDirectory = ShimPluginDirectory;
		public ModuleType Type = ModuleType.CPlusPlus;
		public PCHUsageMode PCHUsage = PCHUsageMode.Default;
		public List<string> PublicDependencyModuleNames = new List<string>();
		public List<string> PrivateDependencyModuleNames = new List<string>();
		public List<string> PublicSystemIncludePaths = new List<string>();
		public List<string> PublicDefinitions = new List<string>();
		public RuntimeDependencyList RuntimeDependencies = new RuntimeDependencyList();

		public ModuleRules(ReadOnlyTargetRules Target) { this.Target = Target; }
	}
}

static class Program
{
	static int Main(string[] Arguments)
	{
		string Plugin = Path.GetFullPath(Arguments[0]);
		int Missing = 0;
		foreach (UnrealBuildTool.UnrealTargetPlatform Platform in Enum.GetValues(typeof(UnrealBuildTool.UnrealTargetPlatform)))
		foreach (UnrealBuildTool.UnrealTargetConfiguration Configuration in Enum.GetValues(typeof(UnrealBuildTool.UnrealTargetConfiguration)))
		for (int Index = 1; Index < Arguments.Length; Index++)
		{
			string Name = Path.GetFileName(Arguments[Index]);
			UnrealBuildTool.ModuleRules.ShimPluginDirectory = Plugin;
			UnrealBuildTool.ModuleRules.ShimModuleDirectory = Path.Combine(Plugin, "Source", Arguments[Index]);
			UnrealBuildTool.ReadOnlyTargetRules Target = new UnrealBuildTool.ReadOnlyTargetRules { Platform = Platform, Configuration = Configuration, Type = UnrealBuildTool.TargetType.Game };
			UnrealBuildTool.ModuleRules Rules = (UnrealBuildTool.ModuleRules)Activator.CreateInstance(Type.GetType(Name, true), Target);
			List<string> Dependencies = new List<string>(Rules.PublicDependencyModuleNames);
			Dependencies.AddRange(Rules.PrivateDependencyModuleNames);
			Console.WriteLine("{0} {1} {2} public: {3}", Platform, Configuration, Name, string.Join(" ", Rules.PublicDependencyModuleNames.ToArray()));
			Console.WriteLine("{0} {1} {2} dependencies: {3}", Platform, Configuration, Name, string.Join(" ", Dependencies.ToArray()));
			foreach (string Directory_ in Rules.PublicSystemIncludePaths)
			{
				Missing += Found(Platform, Name, "include", Directory_, Directory.Exists(Directory_));
			}
			foreach (string File_ in Rules.RuntimeDependencies.Inner)
			{
				Missing += Found(Platform, Name, "stages", File_, File.Exists(File_));
			}
		}
		return Missing == 0 ? 0 : 1;
	}

	static int Found(UnrealBuildTool.UnrealTargetPlatform Platform, string Module, string Verb, string What, bool There)
	{
		Console.WriteLine("{0} {1} {2}: {3}{4}", Platform, Module, Verb, What, There ? "" : " MISSING");
		return There ? 0 : 1;
	}
}
