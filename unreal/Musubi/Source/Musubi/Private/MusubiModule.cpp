#include "MusubiModule.h"

#include "HAL/PlatformProcess.h"
#include "Interfaces/IPluginManager.h"
#include "Misc/Paths.h"
#include "Modules/ModuleManager.h"
#include "MusubiConvert.h"
#include "MusubiLibraryCheck.h"

DEFINE_LOG_CATEGORY(LogMusubi);

IMPLEMENT_MODULE(FMusubiModule, Musubi)

FMusubiModule& FMusubiModule::Get()
{
	return FModuleManager::LoadModuleChecked<FMusubiModule>(TEXT("Musubi"));
}

void FMusubiModule::StartupModule()
{
	FString File;
	const TSharedPtr<IPlugin> Plugin = IPluginManager::Get().FindPlugin(TEXT("Musubi"));
	if (Plugin.IsValid() && MusubiCore::LibraryFile() != nullptr)
	{
		File = FPaths::ConvertRelativePathToFull(FPaths::Combine(Plugin->GetBaseDir(), TEXT("Binaries/ThirdParty/Musubi"), MusubiConvert::ToString(MusubiCore::LibraryFile())));
	}
	// Never freed: a Go runtime can't be unloaded, and the editor may load this module again.
	void* Handle = File.IsEmpty() ? nullptr : FPlatformProcess::GetDllHandle(*File);
	void* Symbol = Handle == nullptr ? nullptr : FPlatformProcess::GetDllExport(Handle, TEXT("musubi_get_api"));
	MusubiCore::FError Why;
	Library = MusubiCore::CheckLibrary(MusubiConvert::ToUtf8(File), Handle != nullptr, reinterpret_cast<MusubiCore::FGetApi>(Symbol), Why);
	LibraryError = MusubiConvert::ToError(Why);
	if (Library == nullptr)
	{
		UE_LOG(LogMusubi, Error, TEXT("%s"), *LibraryError.Sentence);
		return;
	}
	UE_LOG(LogMusubi, Log, TEXT("Musubi %s, %s"), *MusubiConvert::ToString(Library->version()), *File);
}

const musubi_api* FMusubiModule::GetLibrary(FMusubiError& Error) const
{
	Error = LibraryError;
	return Library;
}
