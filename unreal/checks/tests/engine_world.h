// The stand-in engine, started with the plugin in it, and windows of it for tests.
#ifndef MUSUBI_UNREAL_TEST_ENGINE_WORLD_H
#define MUSUBI_UNREAL_TEST_ENGINE_WORLD_H

#include "world.h"

#include <unistd.h>

#include "MusubiConvert.h"
#include "MusubiSettings.h"
#include "MusubiSubsystem.h"
#include "SocketSubsystemModule.h"

#include <sys/stat.h>

inline bool Has(const FString& Text, const char* Part)
{
	if (Text.Utf8().find(Part) != std::string::npos)
	{
		return true;
	}
	std::fprintf(stderr, "\"%s\" lacks \"%s\"\n", Text.Utf8().c_str(), Part);
	return false;
}
inline bool Has(const std::string& Text, const char* Part) { return Has(MusubiConvert::ToString(Text), Part); }

inline std::string ShimPluginDir;

/** Lays the library where the plugin looks for it, starts the modules in the order of the descriptor. */
inline void StartEngine(const char* Library, const char* ServerAddress)
{
	static UEngine Engine;
	static FSocketSubsystemModule SocketModule;
	char Dir[] = "/tmp/musubi-plugin-XXXXXX";
	CHECK(mkdtemp(Dir) != nullptr);
	ShimPluginDir = Dir;
	const std::string File = ShimPluginDir + "/Binaries/ThirdParty/Musubi/" + MusubiCore::LibraryFile();
	if (Library != nullptr)
	{
		const std::string Make = "mkdir -p '" + File.substr(0, File.rfind('/')) + "' && ln -s '" + Library + "' '" + File + "'";
		CHECK(system(Make.c_str()) == 0);
	}
	GEngine = &Engine;
	ShimModules()["Sockets"] = &SocketModule;
	IPluginManager::Get().ShimPlugin = MakeShared<IPlugin>();
	IPluginManager::Get().ShimPlugin->ShimBaseDir = MusubiConvert::ToString(ShimPluginDir);
	UMusubiSettings* Settings = GetMutableDefault<UMusubiSettings>();
	Settings->ServerAddress = MusubiConvert::ToString(ServerAddress);
	Settings->BindAddress = TEXT("127.0.0.1:0");
	Settings->bAskRouterForPort = false;
	Settings->PatienceSeconds = 20;
	for (const char* Module : {"MusubiCore", "Musubi", "MusubiNet", "MusubiTests"})
	{
		CHECK(ShimModules()[Module] != nullptr);
		ShimModules()[Module]->StartupModule();
	}
}

inline void StopEngine()
{
	ShimModules()["MusubiNet"]->ShutdownModule();
	CHECK(system(("rm -r '" + ShimPluginDir + "'").c_str()) == 0);
	CHECK(static_cast<FSocketSubsystemModule*>(ShimModules()["Sockets"])->ShimSystems.empty());
}

/** A window: a game instance with its world. */
struct FWindow
{
	UGameInstance Game;
	UWorld World{&Game};
	UMusubiSubsystem* Musubi = Game.GetSubsystem<UMusubiSubsystem>();
	std::string Code;

	void Host();
	int64 HostId() const { return static_cast<int64>(Musubi->GetSession().HostPeer()); }
};

template <class Turn, class Condition>
void Drive(Turn&& Each, Condition&& Holds, const char* What)
{
	const uint64_t End = now_ns() + 20000000000u;
	while (true)
	{
		Each();
		if (Holds())
		{
			return;
		}
		if (now_ns() > End)
		{
			std::fprintf(stderr, "not within 20 s: %s\n", What);
			std::exit(1);
		}
		usleep(1000);
	}
}
#define DRIVE(turn, condition) Drive(turn, [&] { return (condition); }, #condition)
#define TICK(condition, ...) Drive([&] { for (FWindow* Ticked : {__VA_ARGS__}) Ticked->Musubi->Tick(0.016f); }, [&] { return (condition); }, #condition)

inline void FWindow::Host()
{
	FMusubiError Error;
	const FDelegateHandle Handle = Musubi->OnHosted.AddLambda([this](const FString& C, const FMusubiError& Why) {
		CHECK(!Why.IsError());
		Code = C.Utf8();
	});
	CHECK(Musubi->HostRoom(4, TArray<uint8>(), Error));
	TICK(!Code.empty(), this);
	Musubi->OnHosted.Remove(Handle);
}

inline void Meet(FWindow& A, FWindow& B)
{
	FMusubiError Error;
	A.Host();
	CHECK(B.Musubi->JoinByCode(MusubiConvert::ToString(A.Code), Error));
	TICK(B.Musubi->GetPeers().Num() == 1 && B.Musubi->GetPeers()[0].bConnected && A.Musubi->GetPeers().Num() == 1 && A.Musubi->GetPeers()[0].bConnected, &A, &B);
}

inline std::string Console(const char* Command, UWorld* World, std::initializer_list<FString> Words)
{
	FOutputDevice Out;
	ShimCommands().at(Command).F(TArray<FString>(Words), World, Out);
	return Out.Text;
}

#endif
