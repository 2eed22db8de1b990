// The native library, loaded by hand: one exported function, one table. Who loads (FPlatformProcess in the engine, dlopen in
// the tests) only finds the function; what it hands out is judged here, so that a missing or old file is a sentence in the log
// and never a crash.
#pragma once

#include "MusubiCoreTypes.h"

namespace MusubiCore
{

/** The type of musubi_get_api, the one symbol that is looked up: FGetApi(GetDllExport(Handle, GetApiName)). */
using FGetApi = const musubi_api* (*)(uint32_t Version);
constexpr const char* GetApiName = "musubi_get_api";

/** The file's name on this platform, below Binaries/ThirdParty/Musubi/. nullptr: not supported here. */
MUSUBICORE_API const char* LibraryFile();

/** The table, or nullptr and a sentence that names the file, what was expected and what was found.
 *  File: where it was looked for. bLoaded: the system found and loaded it. GetApi: the symbol, nullptr if the file has none. */
MUSUBICORE_API const musubi_api* CheckLibrary(std::string_view File, bool bLoaded, FGetApi GetApi, FError& Why);

} // namespace MusubiCore
