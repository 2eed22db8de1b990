#include "MusubiCommands.h"

#include <cstdlib>

namespace MusubiCore
{

constexpr const char* Allowed = "Allowed: off, a preset (wifi, bad-wifi, dsl, 4g, 3g, lossy, rough, transatlantic, satellite), or numbers as in "
	"loss=5 lag=80 jitter=10 reorder=1 dup=1 burst=3 rate=2000 (percent, milliseconds, losses in a run, kbit/s).";

/** One word of numbers, "loss=5". */
static FError ParseNumberWord(std::string_view Word, size_t Equals, musubi::Simulation& Into)
{
	struct FField
	{
		std::string_view Name;
		double Most, Scale;
		uint32_t musubi_simulation::*Member;
	};
	static const FField Fields[] = {
		{"loss", 100, 10000, &musubi_simulation::loss_ppm},
		{"lag", 10000, 1000, &musubi_simulation::latency_us},
		{"jitter", 10000, 1000, &musubi_simulation::jitter_us},
		{"reorder", 100, 10000, &musubi_simulation::reorder_ppm},
		{"dup", 100, 10000, &musubi_simulation::duplicate_ppm},
		{"burst", 1000, 1, &musubi_simulation::loss_burst},
	};
	const std::string_view Name = Word.substr(0, Equals);
	const std::string Text(Word.substr(Equals + 1));
	char* End = nullptr;
	const double Value = std::strtod(Text.c_str(), &End);
	const bool bNumber = !Text.empty() && *End == 0 && Value >= 0; // refuses NaN
	const auto Bad = [&](double Most) {
		return FError{MUSUBI_ERR_VALUE, "\"" + std::string(Word) + "\": " + std::string(Name) + " is a number from 0 to " + std::to_string(static_cast<int>(Most)) + ". " + Allowed};
	};
	if (Name == "rate")
	{
		constexpr double Most = 10000000; // 10 Gbit/s
		Into.rate = bNumber && Value <= Most ? static_cast<uint64_t>(Value * 1000) : 0;
		return bNumber && Value <= Most ? FError() : Bad(Most);
	}
	for (const FField& Field : Fields)
	{
		if (Field.Name == Name)
		{
			Into.*Field.Member = bNumber && Value <= Field.Most ? static_cast<uint32_t>(Value * Field.Scale + 0.5) : 0;
			return bNumber && Value <= Field.Most ? FError() : Bad(Field.Most);
		}
	}
	return {MUSUBI_ERR_VALUE, "\"" + std::string(Word) + "\" is unknown. " + Allowed};
}

FError ParseSimulation(std::string_view Words, FSimulationWish& Wish)
{
	Wish = {};
	size_t Count = 0;
	while (true)
	{
		const size_t Begin = Words.find_first_not_of(' ');
		if (Begin == std::string_view::npos)
		{
			break;
		}
		const size_t End = Words.find(' ', Begin);
		const std::string_view Word = Words.substr(Begin, End == std::string_view::npos ? End : End - Begin);
		Words.remove_prefix(End == std::string_view::npos ? Words.size() : End);
		if (++Count > 1 && (Wish.bOff || !Wish.Preset.empty()))
		{
			return {MUSUBI_ERR_VALUE, "\"" + std::string(Word) + "\": off and presets can't be combined with other words. " + Allowed};
		}
		const size_t Equals = Word.find('=');
		if (Equals != std::string_view::npos)
		{
			if (FError Error = ParseNumberWord(Word, Equals, Wish.Each))
			{
				return Error;
			}
		}
		else if (Count > 1)
		{
			return {MUSUBI_ERR_VALUE, "\"" + std::string(Word) + "\": off and presets can't be combined with other words. " + Allowed};
		}
		else if (Word == "off")
		{
			Wish.bOff = true;
		}
		else
		{
			Wish.Preset = Word; // the library knows their names
		}
	}
	return Count > 0 ? FError() : FError{MUSUBI_ERR_VALUE, std::string("musubi.Sim needs an argument. ") + Allowed};
}

FError Simulate(const FSession& Session, const FSimulationWish& Wish)
{
	const musubi::Client& Client = Session.Library();
	if (Wish.bOff)
	{
		return ErrorOf(Client.simulate(nullptr, nullptr), "end the simulation");
	}
	if (!Wish.Preset.empty())
	{
		const musubi::Result Result = Client.simulate(Wish.Preset.c_str());
		return Result.code() == MUSUBI_ERR_VALUE ? FError{Result.code(), "\"" + Wish.Preset + "\" is not a preset. " + Allowed} : ErrorOf(Result, "simulate a network");
	}
	return ErrorOf(Client.simulate(&Wish.Each, &Wish.Each), "simulate a network");
}

bool ParseHex(std::string_view Text, std::vector<uint8_t>& Bytes)
{
	Bytes.clear();
	int High = -1;
	for (char C : Text)
	{
		const int Digit = C >= '0' && C <= '9' ? C - '0' : C >= 'a' && C <= 'f' ? C - 'a' + 10 : C >= 'A' && C <= 'F' ? C - 'A' + 10 : -1;
		if (Digit < 0 && C != ' ')
		{
			return false;
		}
		if (Digit >= 0 && High >= 0)
		{
			Bytes.push_back(static_cast<uint8_t>(High * 16 + Digit));
		}
		High = Digit < 0 ? High : High >= 0 ? -1 : Digit;
	}
	return High < 0;
}

std::string Status(const FSession& Session)
{
	if (!Session.IsRunning())
	{
		return "Musubi: no session is running.";
	}
	std::string Text = Session.InRoom() ? "room " + Session.RoomCode() + (Session.IsHost() ? ", this player hosts it" : "") : Session.IsMoving() ? "on the way into a room" : "in no room";
	const FDropCounts& Drops = Session.Ports.Drops;
	Text += "\nreplication's datagrams dropped: " + std::to_string(Drops.NoHost) + " before the host was connected, " + std::to_string(Drops.NoSocket) + " for nobody, " +
		std::to_string(Drops.Full) + " unread, " + std::to_string(Drops.Refused) + " not taken, " + std::to_string(Drops.Malformed) + " malformed\n";
	const int32_t Length = Session.Library().dump(nullptr, 0).code();
	if (Length > 0)
	{
		std::string Dump(static_cast<size_t>(Length) + 1, '\0'); // room for the zero
		const int32_t Now = Session.Library().dump(Dump.data(), static_cast<uint32_t>(Dump.size())).code();
		Dump.resize(static_cast<size_t>(Now < Length ? Now : Length));
		Text += Dump;
	}
	return Text;
}

} // namespace MusubiCore
