#include "world.h"

#include <dlfcn.h>
#include <new>

unsigned long Allocations;

// Not inlined: GCC would take the pair of malloc and delete for a mistake.
__attribute__((noinline)) void* operator new(std::size_t Size)
{
	Allocations++;
	void* P = std::malloc(Size);
	if (P == nullptr)
	{
		std::abort();
	}
	return P;
}
__attribute__((noinline)) void operator delete(void* P) noexcept { std::free(P); }
__attribute__((noinline)) void operator delete(void* P, std::size_t) noexcept { std::free(P); }
__attribute__((noinline)) void* operator new[](std::size_t Size) { return operator new(Size); }
__attribute__((noinline)) void operator delete[](void* P) noexcept { std::free(P); }
__attribute__((noinline)) void operator delete[](void* P, std::size_t) noexcept { std::free(P); }

const musubi_api* LoadLibrary(const char* File)
{
	void* Handle = dlopen(File, RTLD_NOW);
	MusubiCore::FError Why;
	const auto GetApi = reinterpret_cast<MusubiCore::FGetApi>(Handle != nullptr ? dlsym(Handle, MusubiCore::GetApiName) : nullptr);
	const musubi_api* Api = MusubiCore::CheckLibrary(File, Handle != nullptr, GetApi, Why);
	if (Api == nullptr)
	{
		std::fprintf(stderr, "%s\n", Why.Sentence.c_str());
		std::exit(1);
	}
	return Api;
}

void Meet(FPlayer& Host, FPlayer& Guest)
{
	CHECK(!Host.Session.Host(8, "map 1"));
	UNTIL(Host.Outcomes == 1, &Host);
	CHECK(!Host.Outcome && Host.Code.size() >= 6 && Host.Session.IsHost());
	CHECK(!Guest.Session.Join(" " + Host.Code + "\n"));
	UNTIL(Guest.Outcomes == 1 && Host.Told("connected"), &Guest, &Host);
	CHECK(!Guest.Outcome && Guest.Session.HostPeer() != 0 && Guest.Session.RoomCode() == Host.Code);
}
