// The module: loads the native library when the engine starts, and never frees it.
#pragma once

#include "Modules/ModuleInterface.h"
#include "MusubiTypes.h"

struct musubi_api;

class MUSUBI_API FMusubiModule : public IModuleInterface
{
public:
	static FMusubiModule& Get();

	virtual void StartupModule() override;

	/** The library's functions; nullptr: Error says why, in a sentence that names the file. */
	const musubi_api* GetLibrary(FMusubiError& Error) const;

private:
	const musubi_api* Library = nullptr;
	FMusubiError LibraryError;
};
