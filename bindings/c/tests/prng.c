/* bcryptprimitives.dll for Wine 8, which lacks it; Go's runtime needs it on Windows. For tests only. */
#include <windows.h>

#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return RtlGenRandom(data, (ULONG)size); }
