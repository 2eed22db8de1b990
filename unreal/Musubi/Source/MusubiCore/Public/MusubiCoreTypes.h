// What all of MusubiCore shares: the C++ binding of the library, errors, and the words for routes and modes.
//
// MusubiCore is plain C++17 without engine types, exceptions or RTTI, so that every line of it runs in this project's tests
// against the real library. The modules Musubi and MusubiNet convert, forward and dispose.
#pragma once

// musubi.h and UnrealBuildTool's macro for the module Musubi have one name for two things. Include this header, never musubi.h.
#pragma push_macro("MUSUBI_API")
#undef MUSUBI_API
#include <musubi.hpp>
#undef MUSUBI_API
#pragma pop_macro("MUSUBI_API")

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#if defined(MUSUBI_WITH_ENGINE) // by MusubiCore.Build.cs: MUSUBICORE_API is then UnrealBuildTool's, in the engine's words
#include "CoreTypes.h"
#else
#define MUSUBICORE_API
#endif

namespace MusubiCore
{

/** Why something did not work. */
struct FError
{
	int32_t Code = 0;     // MUSUBI_ERR_, or the positive code of the other side's Close; 0: nothing is wrong
	std::string Sentence; // for people; never empty when Code is not 0

	explicit operator bool() const { return Code != 0; }
};

/** The error of a call to the library; empty if it succeeded. What: the call in words, "host a room". */
MUSUBICORE_API FError ErrorOf(const musubi::Result& Result, const char* What);

/** An error that an event tells of. Its text may be empty: the code's sentence stands in. */
MUSUBICORE_API FError ErrorOf(const musubi_api* Api, int32_t Code, std::string_view Text);

/** "relay", "LAN", "direct IPv4", "direct IPv6", "none". Route: MUSUBI_ROUTE_. */
MUSUBICORE_API const char* RouteName(uint32_t Route);

/** Replication's datagrams travel here, on every connection; games use 0 to 254. */
constexpr uint32_t NetChannel = 255;

} // namespace MusubiCore
