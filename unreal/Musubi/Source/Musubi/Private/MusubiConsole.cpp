// musubi.Status and musubi.Sim, for the game instance of the window that the console belongs to.
#include "Engine/GameInstance.h"
#include "Engine/World.h"
#include "HAL/IConsoleManager.h"
#include "Misc/OutputDevice.h"
#include "MusubiSubsystem.h"

static UMusubiSubsystem* MusubiOf(UWorld* World, FOutputDevice& Out)
{
	UGameInstance* Game = World != nullptr ? World->GetGameInstance() : nullptr;
	UMusubiSubsystem* Musubi = Game != nullptr ? Game->GetSubsystem<UMusubiSubsystem>() : nullptr;
	if (Musubi == nullptr)
	{
		Out.Logf(TEXT("No game is running in this window."));
	}
	return Musubi;
}

static FAutoConsoleCommandWithWorldArgsAndOutputDevice MusubiStatusCommand(
	TEXT("musubi.Status"),
	TEXT("What Musubi knows: server, NAT, room, each player's route and figures, advice."),
	FConsoleCommandWithWorldArgsAndOutputDeviceDelegate::CreateStatic([](const TArray<FString>&, UWorld* World, FOutputDevice& Out)
	{
		if (const UMusubiSubsystem* Musubi = MusubiOf(World, Out))
		{
			Out.Logf(TEXT("%s"), *Musubi->DescribeState());
		}
	}));

static FAutoConsoleCommandWithWorldArgsAndOutputDevice MusubiSimCommand(
	TEXT("musubi.Sim"),
	TEXT("A bad network between this player and everybody: musubi.Sim loss=5 lag=80 jitter=10, musubi.Sim 4g, musubi.Sim off. Percent and milliseconds, each way."),
	FConsoleCommandWithWorldArgsAndOutputDeviceDelegate::CreateStatic([](const TArray<FString>& Words, UWorld* World, FOutputDevice& Out)
	{
		UMusubiSubsystem* Musubi = MusubiOf(World, Out);
		FMusubiError Error;
		if (Musubi != nullptr)
		{
			const FString Line = FString::Join(Words, TEXT(" "));
			Out.Logf(TEXT("%s"), Musubi->SimulateNetwork(Line, Error) ? *(FString(TEXT("The network is now: ")) + Line) : *Error.Sentence);
		}
	}));
