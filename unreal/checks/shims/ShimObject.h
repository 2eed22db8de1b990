// UObject and what owns it. Objects are never collected here; tests are short.
#pragma once

#include "ShimDelegates.h"
#include "ShimLog.h"

class UWorld;
class UGameInstance;

class UClass
{
};

class UObject
{
public:
	virtual ~UObject() = default;
	virtual void PostInitProperties() {}
	virtual UWorld* GetWorld() const { return nullptr; }
	bool IsTemplate() const { return bShimTemplate; }
	FString GetName() const { return TEXT("Object"); }

	// What -fno-rtti lacks and the engine's reflection has: who one is, by the address of a static.
	virtual bool ShimIsA(const void* Tag) const { return Tag == ShimTag(); }
	static const void* ShimTag()
	{
		static const char Tag = 0;
		return &Tag;
	}
	bool bShimTemplate = false;
};

template <class To, class From>
To* Cast(From* Object)
{
	using Bare = std::remove_const_t<To>;
	return Object != nullptr && Object->ShimIsA(Bare::ShimTag()) ? static_cast<To*>(Object) : nullptr;
}

template <class T>
T* NewObject(UObject* = nullptr)
{
	return new T();
}

/** The class default object. */
template <class T>
T* GetMutableDefault()
{
	static T* Default = [] {
		T* Made = new T();
		Made->bShimTemplate = true;
		return Made;
	}();
	return Default;
}
template <class T>
const T* GetDefault()
{
	return GetMutableDefault<T>();
}
