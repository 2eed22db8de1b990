// Words that people type: musubi.Sim, musubi.Status, keys in the settings.
#pragma once

#include "MusubiSession.h"

namespace MusubiCore
{

/** A bad network for both directions, or none of it. */
struct FSimulationWish
{
	bool bOff = false;
	std::string Preset; // "4g"; empty: the numbers count
	musubi::Simulation Each;
};

/** "off", a preset's name, or any of loss=5 (percent) lag=80 jitter=10 (milliseconds, one way) reorder=1 dup=1 (percent) burst=3
 *  (losses in a run) rate=2000 (kbit/s). An error names the word and what is allowed. */
MUSUBICORE_API FError ParseSimulation(std::string_view Words, FSimulationWish& Wish);

/** Applies it to both directions of a session. */
MUSUBICORE_API FError Simulate(const FSession& Session, const FSimulationWish& Wish);

/** Bytes as hexadecimal digits, spaces between them allowed; false: they are none. */
MUSUBICORE_API bool ParseHex(std::string_view Text, std::vector<uint8_t>& Bytes);

/** What is known, for people: the session's state in a line, then the library's own report. */
MUSUBICORE_API std::string Status(const FSession& Session);

} // namespace MusubiCore
