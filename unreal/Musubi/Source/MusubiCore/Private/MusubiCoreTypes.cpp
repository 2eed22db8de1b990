#include "MusubiCoreTypes.h"

namespace MusubiCore
{

FError ErrorOf(const musubi::Result& Result, const char* What)
{
	if (Result)
	{
		return {};
	}
	return {Result.code(), std::string("Could not ") + What + ": " + Result.text() + "."};
}

FError ErrorOf(const musubi_api* Api, int32_t Code, std::string_view Text)
{
	if (Code == 0)
	{
		return {};
	}
	if (!Text.empty())
	{
		return {Code, std::string(Text)};
	}
	if (Code > 0)
	{
		return {Code, "The other player closed the connection with code " + std::to_string(Code) + "."};
	}
	return {Code, Api != nullptr ? Api->strerror(Code) : "the library is not loaded"};
}

const char* RouteName(uint32_t Route)
{
	switch (Route)
	{
	case MUSUBI_ROUTE_RELAY: return "relay";
	case MUSUBI_ROUTE_LAN: return "LAN";
	case MUSUBI_ROUTE_DIRECT4: return "direct IPv4";
	case MUSUBI_ROUTE_DIRECT6: return "direct IPv6";
	default: return "none";
	}
}

} // namespace MusubiCore
