// Modules, plugins, paths, the process, the console, statistics, automation tests.
#pragma once

#include "ShimEngine.h"

#include <dlfcn.h>
#include <time.h>

class IModuleInterface
{
public:
	virtual ~IModuleInterface() = default;
	virtual void StartupModule() {}
	virtual void ShutdownModule() {}
};
class FDefaultModuleImpl : public IModuleInterface
{
};

inline std::map<std::string, IModuleInterface*>& ShimModules()
{
	static std::map<std::string, IModuleInterface*> All;
	return All;
}
struct FModuleManager
{
	template <class T>
	static T& LoadModuleChecked(const FName Name)
	{
		return *GetModulePtr<T>(Name);
	}
	template <class T>
	static T* GetModulePtr(const FName Name)
	{
		return static_cast<T*>(ShimModules()[Name.ToString().Utf8()]);
	}
};
/** Made before main; a test starts it up. */
#define IMPLEMENT_MODULE(Class, Name) \
	static const bool ShimModule##Name = [] { ShimModules()[#Name] = new Class(); return true; }();

class IPlugin
{
public:
	virtual ~IPlugin() = default;
	virtual FString GetBaseDir() const { return ShimBaseDir; }
	FString ShimBaseDir;
};
class IPluginManager
{
public:
	static IPluginManager& Get()
	{
		static IPluginManager Manager;
		return Manager;
	}
	TSharedPtr<IPlugin> FindPlugin(const FString& Name) { return Name == FString(TEXT("Musubi")) ? ShimPlugin : nullptr; }
	TSharedPtr<IPlugin> ShimPlugin;
};

struct FPaths
{
	template <class... Parts>
	static FString Combine(const FString& First, const Parts&... Rest)
	{
		FString All = First;
		((All = All + FString(TEXT("/")) + FString(Rest)), ...);
		return All;
	}
	static FString ConvertRelativePathToFull(const FString& Path) { return Path; }
};
struct FApp
{
	static const TCHAR* GetProjectName() { return TEXT("ShimGame"); }
};
struct FPlatformProcess
{
	static void* GetDllHandle(const TCHAR* File) { return dlopen(FString(File).Utf8().c_str(), RTLD_NOW); }
	static void* GetDllExport(void* Handle, const TCHAR* Name) { return dlsym(Handle, FString(Name).Utf8().c_str()); }
};
struct FPlatformTime
{
	static double Seconds()
	{
		timespec T;
		clock_gettime(CLOCK_MONOTONIC, &T);
		return static_cast<double>(T.tv_sec) + static_cast<double>(T.tv_nsec) / 1e9;
	}
};
struct FCoreDelegates
{
	static inline TShimMulticast<> OnPostEngineInit;
	static inline TShimMulticast<> ApplicationWillEnterBackgroundDelegate;
	static inline TShimMulticast<> ApplicationHasEnteredForegroundDelegate;
};

// --- console ---------------------------------------------------------------------------------------------------------
struct FConsoleCommandWithWorldArgsAndOutputDeviceDelegate
{
	using FFunction = void (*)(const TArray<FString>&, UWorld*, FOutputDevice&);
	static FConsoleCommandWithWorldArgsAndOutputDeviceDelegate CreateStatic(FFunction F) { return {F}; }
	FFunction F;
};
inline std::map<std::string, FConsoleCommandWithWorldArgsAndOutputDeviceDelegate>& ShimCommands()
{
	static std::map<std::string, FConsoleCommandWithWorldArgsAndOutputDeviceDelegate> All;
	return All;
}
struct FAutoConsoleCommandWithWorldArgsAndOutputDevice
{
	FAutoConsoleCommandWithWorldArgsAndOutputDevice(const TCHAR* Name, const TCHAR*, const FConsoleCommandWithWorldArgsAndOutputDeviceDelegate& Command) { ShimCommands().emplace(FString(Name).Utf8(), Command); }
};

// --- statistics ------------------------------------------------------------------------------------------------------
struct FShimStat
{
	double Value = 0;
};
#define DECLARE_STATS_GROUP(Text, Group, Category) struct Group
#define DECLARE_CYCLE_STAT(Text, Stat, Group) [[maybe_unused]] static FShimStat Stat
#define DECLARE_DWORD_COUNTER_STAT(Text, Stat, Group) static FShimStat Stat
#define DECLARE_FLOAT_COUNTER_STAT(Text, Stat, Group) static FShimStat Stat
#define SCOPE_CYCLE_COUNTER(Stat) (void)Stat
#define INC_DWORD_STAT_BY(Stat, Amount) ((Stat).Value += (Amount))
#define INC_FLOAT_STAT_BY(Stat, Amount) ((Stat).Value += static_cast<double>(Amount))
#define RETURN_QUICK_DECLARE_CYCLE_STAT(Name, Group) return TStatId()

// --- automation ------------------------------------------------------------------------------------------------------
enum class EAutomationTestFlags : uint32
{
	None = 0,
	EditorContext = 1,
	ClientContext = 2,
	ServerContext = 4,
	ProductFilter = 8
};
constexpr EAutomationTestFlags operator|(EAutomationTestFlags A, EAutomationTestFlags B) { return static_cast<EAutomationTestFlags>(static_cast<uint32>(A) | static_cast<uint32>(B)); }
class FAutomationTestBase
{
public:
	explicit FAutomationTestBase(const char* Name) : ShimName(Name) { ShimAll().push_back(this); }
	virtual ~FAutomationTestBase() = default;
	virtual bool RunTest(const FString& Parameters) = 0;
	void AddError(const FString& Text) { ShimErrors.push_back(Text.Utf8()); }
	bool TestTrue(const TCHAR* What, bool b) { return Is(What, b); }
	bool TestFalse(const TCHAR* What, bool b) { return Is(What, !b); }
	template <class T>
	bool TestNotNull(const TCHAR* What, const T* Pointer)
	{
		return Is(What, Pointer != nullptr);
	}
	bool TestEqual(const TCHAR* What, int32 A, int32 B) { return Is(What, A == B); }
	bool TestEqual(const TCHAR* What, const FString& A, const FString& B) { return Is(What, A == B); }

	static std::vector<FAutomationTestBase*>& ShimAll()
	{
		static std::vector<FAutomationTestBase*> All;
		return All;
	}
	std::string ShimName;
	std::vector<std::string> ShimErrors;

private:
	bool Is(const TCHAR* What, bool b)
	{
		if (!b)
		{
			AddError(What);
		}
		return b;
	}
};
#define IMPLEMENT_SIMPLE_AUTOMATION_TEST(Class, PrettyName, Flags) \
	static_assert(static_cast<uint32>(Flags) != 0); \
	class Class : public FAutomationTestBase \
	{ \
	public: \
		Class() : FAutomationTestBase(PrettyName) {} \
		virtual bool RunTest(const FString& Parameters) override; \
	}; \
	static Class ShimInstanceOf##Class;
