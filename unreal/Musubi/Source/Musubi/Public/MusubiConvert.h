// Texts, bytes and errors between MusubiCore and the engine.
#pragma once

#include "CoreMinimal.h"
#include "MusubiCoreTypes.h"
#include "MusubiTypes.h"

namespace MusubiConvert
{

inline FString ToString(std::string_view Text)
{
	const FUTF8ToTCHAR Wide(Text.data(), static_cast<int32>(Text.size()));
	return FString(Wide.Length(), Wide.Get());
}

inline std::string ToUtf8(const FString& Text)
{
	const FTCHARToUTF8 Narrow(*Text);
	return std::string(Narrow.Get(), static_cast<size_t>(Narrow.Length()));
}

inline TArray<uint8> ToBytes(musubi::View Data)
{
	return TArray<uint8>(Data.data(), static_cast<int32>(Data.size()));
}

inline musubi::View ToView(const TArray<uint8>& Data)
{
	return musubi::View(Data.GetData(), static_cast<size_t>(Data.Num()));
}

inline FMusubiError ToError(const MusubiCore::FError& Error)
{
	FMusubiError Out;
	Out.Code = Error.Code;
	Out.Sentence = ToString(Error.Sentence);
	return Out;
}

} // namespace MusubiConvert
