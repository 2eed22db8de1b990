// The module: registers the socket subsystem and looks at start whether replication will use it.
#pragma once

#include "CoreMinimal.h"
#include "Modules/ModuleInterface.h"

class FMusubiSocketSubsystem;

class MUSUBINET_API FMusubiNetModule : public IModuleInterface
{
public:
	virtual void StartupModule() override;
	virtual void ShutdownModule() override;

	/** Warns for each of the game's and the beacon's driver that is not ours. Returns the number of warnings. */
	static int32 CheckDefinitions();

private:
	FMusubiSocketSubsystem* Sockets = nullptr;
	FDelegateHandle StartHandle;
};
