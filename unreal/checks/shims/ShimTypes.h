// Stand-ins for the engine's types, written from its public API pages (dev.epicgames.com/documentation, 5.3 to 5.6) for the checks
// of this plugin, and never shipped. Names, signatures and what is virtual are the engine's; what they do is the least that lets
// the plugin's own code run. That something compiles here shows that it fits these pages, not that Epic's tools build it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using int8 = int8_t;
using int16 = int16_t;
using int32 = int32_t;
using int64 = long long; // the engine's on every platform
using uint8 = uint8_t;
using uint16 = uint16_t;
using uint32 = uint32_t;
using uint64 = unsigned long long;
using SIZE_T = size_t;
using TCHAR = char16_t;
using ANSICHAR = char;

#define TEXT(x) u##x
#define DLLEXPORT __attribute__((visibility("default")))
#define DLLIMPORT
#define FORCEINLINE inline
#define UE_BUILD_SHIPPING 0
#define WITH_DEV_AUTOMATION_TESTS 1
#define STATS 1

// What UnrealHeaderTool reads and the compiler does not see; its X.generated.h are made by generated.sh.
#define UCLASS(...)
#define USTRUCT(...)
#define UENUM(...)
#define UPROPERTY(...)
#define UFUNCTION(...)
#define UMETA(...)
#define BODY_MACRO_COMBINE_INNER(A, B, C, D) A##B##C##D
#define BODY_MACRO_COMBINE(A, B, C, D) BODY_MACRO_COMBINE_INNER(A, B, C, D)
#define GENERATED_BODY(...) BODY_MACRO_COMBINE(CURRENT_FILE_ID, _, __LINE__, _GENERATED_BODY)
