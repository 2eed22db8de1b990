#include "MusubiNetModule.h"

#include "Engine/Engine.h"
#include "Misc/CoreDelegates.h"
#include "Modules/ModuleManager.h"
#include "MusubiConvert.h"
#include "MusubiDriverLogic.h"
#include "MusubiInternetAddr.h"
#include "MusubiSettings.h"
#include "MusubiSocketSubsystem.h"
#include "SocketSubsystemModule.h"

IMPLEMENT_MODULE(FMusubiNetModule, MusubiNet)

void FMusubiNetModule::StartupModule()
{
	constexpr bool bMakeDefault = false;
	FSocketSubsystemModule& Registry = FModuleManager::LoadModuleChecked<FSocketSubsystemModule>(TEXT("Sockets"));
	Sockets = new FMusubiSocketSubsystem();
	Registry.RegisterSocketSubsystem(MusubiProtocol, Sockets, bMakeDefault);
	StartHandle = FCoreDelegates::OnPostEngineInit.AddLambda([] { CheckDefinitions(); });
}

void FMusubiNetModule::ShutdownModule()
{
	FCoreDelegates::OnPostEngineInit.Remove(StartHandle);
	if (FSocketSubsystemModule* Registry = FModuleManager::GetModulePtr<FSocketSubsystemModule>(TEXT("Sockets")))
	{
		Registry->UnregisterSocketSubsystem(MusubiProtocol);
	}
	Sockets->Shutdown();
	delete Sockets;
	Sockets = nullptr;
}

int32 FMusubiNetModule::CheckDefinitions()
{
	if (GEngine == nullptr || !GetDefault<UMusubiSettings>()->bCheckNetDriver)
	{
		return 0;
	}
	std::vector<MusubiCore::FDriverDefinition> Definitions;
	for (const FNetDriverDefinition& Definition : GEngine->NetDriverDefinitions)
	{
		Definitions.push_back({MusubiConvert::ToUtf8(Definition.DefName.ToString()), MusubiConvert::ToUtf8(Definition.DriverClassName.ToString()), MusubiConvert::ToUtf8(Definition.DriverClassNameFallback.ToString())});
	}
	const std::vector<std::string> Warnings = MusubiCore::CheckDriverDefinitions(Definitions);
	for (const std::string& Warning : Warnings)
	{
		UE_LOG(LogMusubi, Warning, TEXT("%s"), *MusubiConvert::ToString(Warning));
	}
	return static_cast<int32>(Warnings.size());
}
