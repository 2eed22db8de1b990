// UE_LOG, written down for tests.
#pragma once

#include "ShimContainers.h"

namespace ELogVerbosity
{
enum Type
{
	Error,
	Warning,
	Display,
	Log,
	Verbose,
	All
};
}

struct FShimLogLine
{
	ELogVerbosity::Type Verbosity;
	std::string Text;
};
inline std::vector<FShimLogLine> ShimLog;

struct FShimLogCategory
{
};
inline FShimLogCategory LogTemp;
#define DECLARE_LOG_CATEGORY_EXTERN(Name, Default, Compiled) extern FShimLogCategory Name
#define DEFINE_LOG_CATEGORY(Name) FShimLogCategory Name
#define UE_LOG(Category, Verbosity, Format, ...) ((void)Category, ShimLog.push_back({ELogVerbosity::Verbosity, FString::Printf(Format __VA_OPT__(, ) __VA_ARGS__).Utf8()}))

class FOutputDevice
{
public:
	virtual ~FOutputDevice() = default;
	template <class... Arguments>
	void Logf(const TCHAR* Format, Arguments... Values)
	{
		Text += FString::Printf(Format, Values...).Utf8() + "\n";
	}
	std::string Text; // the shim's: what was written
};
