#include "MusubiLibraryCheck.h"

namespace MusubiCore
{

const char* LibraryFile()
{
	// Build.cs stages the same names: MusubiLibrary.Build.cs.
#if defined(_WIN32) && (defined(_M_X64) || defined(__x86_64__))
	return "Win64/musubi.dll";
#elif defined(__APPLE__) && defined(__aarch64__)
	return "Mac/arm64/libmusubi.dylib";
#elif defined(__APPLE__)
	return "Mac/x64/libmusubi.dylib";
#elif defined(__ANDROID__)
	return nullptr;
#elif defined(__linux__) && defined(__aarch64__)
	return "LinuxArm64/libmusubi.so";
#elif defined(__linux__)
	return "Linux/libmusubi.so";
#else
	return nullptr;
#endif
}

const musubi_api* CheckLibrary(std::string_view File, bool bLoaded, FGetApi GetApi, FError& Why)
{
	const std::string Name(File);
	if (File.empty())
	{
		Why = {MUSUBI_ERR_VERSION, "Musubi has no library for this platform; see the table in the plugin's README."};
		return nullptr;
	}
	if (!bLoaded)
	{
		Why = {MUSUBI_ERR_VERSION, "Musubi's library was not found or could not be loaded: " + Name +
			". Copy the plugin's whole directory Binaries/ThirdParty from the release archive; a checkout of the sources has none."};
		return nullptr;
	}
	if (GetApi == nullptr)
	{
		Why = {MUSUBI_ERR_VERSION, Name + " is not Musubi's library: it has no function musubi_get_api."};
		return nullptr;
	}
	const musubi_api* Api = GetApi(MUSUBI_ABI_VERSION);
	if (Api == nullptr)
	{
		Why = {MUSUBI_ERR_VERSION, Name + " does not offer version " + std::to_string(MUSUBI_ABI_VERSION) +
			" of the interface, which this plugin (" MUSUBI_VERSION ") was built for. Plugin and library belong together: take both from one release."};
		return nullptr;
	}
	// A library that is newer has a longer table and the same structs in arrays; an older one is shorter.
	if (Api->struct_size < sizeof(musubi_api) || Api->event_size != sizeof(musubi_event) || Api->message_size != sizeof(musubi_message))
	{
		Why = {MUSUBI_ERR_VERSION, Name + " is version " + Api->version() + ", older than this plugin (" MUSUBI_VERSION
			"). Plugin and library belong together: take both from one release."};
		return nullptr;
	}
	Why = {};
	return Api;
}

} // namespace MusubiCore
