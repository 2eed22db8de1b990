// FString, FName and conversions.
#pragma once

#include "ShimTypes.h"

inline std::string ShimNarrow(const TCHAR* Text, size_t Size)
{
	std::string Out;
	for (size_t I = 0; I < Size; I++)
	{
		uint32 C = Text[I];
		if (C >= 0xD800 && C < 0xDC00 && I + 1 < Size)
		{
			C = 0x10000 + ((C - 0xD800) << 10) + (Text[++I] - 0xDC00u);
		}
		const auto Put = [&](uint32 Byte) { Out += static_cast<char>(Byte); };
		if (C < 0x80)
		{
			Put(C);
		}
		else if (C < 0x800)
		{
			Put(0xC0 | C >> 6);
			Put(0x80 | (C & 63));
		}
		else if (C < 0x10000)
		{
			Put(0xE0 | C >> 12);
			Put(0x80 | (C >> 6 & 63));
			Put(0x80 | (C & 63));
		}
		else
		{
			Put(0xF0 | C >> 18);
			Put(0x80 | (C >> 12 & 63));
			Put(0x80 | (C >> 6 & 63));
			Put(0x80 | (C & 63));
		}
	}
	return Out;
}

inline std::u16string ShimWiden(const char* Text, size_t Size)
{
	std::u16string Out;
	for (size_t I = 0; I < Size;)
	{
		const uint8 B = static_cast<uint8>(Text[I]);
		const size_t More = B < 0x80 ? 0 : B >= 0xF0 ? 3 : B >= 0xE0 ? 2 : B >= 0xC0 ? 1 : 4;
		if (More == 4 || I + More >= Size)
		{
			Out += u'?';
			I++;
			continue;
		}
		uint32 C = More == 0 ? B : B & (0x3F >> More);
		for (size_t J = 1; J <= More; J++)
		{
			C = C << 6 | (static_cast<uint8>(Text[I + J]) & 63);
		}
		I += More + 1;
		if (C >= 0x10000)
		{
			Out += static_cast<char16_t>(0xD800 + ((C - 0x10000) >> 10));
			C = 0xDC00 + ((C - 0x10000) & 0x3FF);
		}
		Out += static_cast<char16_t>(C);
	}
	return Out;
}

/** One conversion of a Printf: %s takes TCHAR texts, the rest is the C library's. */
inline std::string ShimOne(const std::string& Spec, const TCHAR* Value) { return Spec.back() == 's' ? ShimNarrow(Value, std::char_traits<TCHAR>::length(Value)) : "(bad %s)"; }
template <class T>
std::enable_if_t<std::is_arithmetic_v<T>, std::string> ShimOne(const std::string& Spec, T Value)
{
	char Buffer[64];
	if (Spec.back() == 's' || std::snprintf(Buffer, sizeof Buffer, Spec.c_str(), Value) < 0)
	{
		return "(bad number)";
	}
	return Buffer;
}
inline std::string ShimFormat(const std::string& Format) { return Format; }
template <class First, class... Rest>
std::string ShimFormat(const std::string& Format, First Value, Rest... Values)
{
	const size_t At = Format.find('%');
	const size_t End = At == std::string::npos ? At : Format.find_first_of("sdiuxXfgc", At);
	if (End == std::string::npos)
	{
		return Format + "(an argument too many)";
	}
	return Format.substr(0, At) + ShimOne(Format.substr(At, End - At + 1), Value) + ShimFormat(Format.substr(End + 1), Values...);
}

class FString
{
public:
	FString() = default;
	FString(const TCHAR* Text) : S(Text != nullptr ? Text : u"") {}
	FString(int32 Count, const TCHAR* Text) : S(Text, static_cast<size_t>(Count)) {}
	explicit FString(std::u16string Text) : S(std::move(Text)) {}

	const TCHAR* operator*() const { return S.c_str(); }
	bool IsEmpty() const { return S.empty(); }
	int32 Len() const { return static_cast<int32>(S.size()); }
	bool Contains(const TCHAR* Part) const { return S.find(Part) != std::u16string::npos; }
	bool IsNumeric() const { return !S.empty() && S.find_first_not_of(u"0123456789") == std::u16string::npos; }
	FString operator+(const FString& Other) const { return FString(S + Other.S); }
	bool operator==(const FString& Other) const { return S == Other.S; }
	bool operator!=(const FString& Other) const { return S != Other.S; }

	template <class... Arguments>
	static FString Printf(const TCHAR* Format, Arguments... Values)
	{
		const std::string Text = ShimFormat(ShimNarrow(Format, std::char_traits<TCHAR>::length(Format)), Values...);
		return FString(ShimWiden(Text.data(), Text.size()));
	}
	template <class Range>
	static FString Join(const Range& Items, const TCHAR* Separator)
	{
		FString All;
		for (const FString& Item : Items)
		{
			All = All.IsEmpty() ? Item : All + FString(Separator) + Item;
		}
		return All;
	}

	std::string Utf8() const { return ShimNarrow(S.data(), S.size()); } // the shims' and the tests'

private:
	std::u16string S;
};

/** The engine's converters to and from UTF-8. */
class FTCHARToUTF8
{
public:
	explicit FTCHARToUTF8(const TCHAR* Text) : S(ShimNarrow(Text, std::char_traits<TCHAR>::length(Text))) {}
	const ANSICHAR* Get() const { return S.c_str(); }
	int32 Length() const { return static_cast<int32>(S.size()); }

private:
	std::string S;
};
class FUTF8ToTCHAR
{
public:
	FUTF8ToTCHAR(const ANSICHAR* Text, int32 Length) : S(ShimWiden(Text, static_cast<size_t>(Length))) {}
	const TCHAR* Get() const { return S.c_str(); }
	int32 Length() const { return static_cast<int32>(S.size()); }

private:
	std::u16string S;
};

struct FCString
{
	static int32 Atoi(const TCHAR* Text) { return std::atoi(FString(Text).Utf8().c_str()); }
};

enum EName
{
	NAME_None
};

class FName
{
public:
	FName() = default;
	FName(EName) {}
	FName(const TCHAR* Text) : S(Text) {}
	FString ToString() const { return S; }
	bool operator==(const FName& Other) const { return S == Other.S; }
	bool operator!=(const FName& Other) const { return S != Other.S; }
	bool operator<(const FName& Other) const { return S.Utf8() < Other.S.Utf8(); }

private:
	FString S;
};
inline const FName NAME_DGram(TEXT("DGram"));
