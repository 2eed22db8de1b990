// Delegates. Dynamic ones find their functions by name in the engine; here AddDynamic takes the member as C++ knows it.
#pragma once

#include "ShimContainers.h"

struct FDelegateHandle
{
	uint64 Id = 0;
};

template <class... Parameters>
class TShimMulticast
{
public:
	template <class Functor>
	FDelegateHandle AddLambda(Functor&& F)
	{
		return Put(nullptr, nullptr, std::forward<Functor>(F));
	}
	template <class Object>
	FDelegateHandle AddUObject(Object* O, void (Object::*Member)(Parameters...))
	{
		return Put(O, nullptr, [O, Member](Parameters... P) { (O->*Member)(P...); });
	}
	void Remove(FDelegateHandle Handle)
	{
		Drop([&](const FBound& B) { return B.Id == Handle.Id; });
	}
	void RemoveAll(const void* Object)
	{
		Drop([&](const FBound& B) { return B.Object == Object; });
	}
	bool IsBound() const { return !Bound.empty(); }
	void Broadcast(Parameters... P) const
	{
		const std::vector<FBound> Now = Bound; // a listener may remove itself
		for (const FBound& B : Now)
		{
			B.Call(P...);
		}
	}

	// of dynamic ones
	template <class Object>
	void ShimAddDynamic(Object* O, void (Object::*Member)(Parameters...), const char* Name)
	{
		Put(O, Name, [O, Member](Parameters... P) { (O->*Member)(P...); });
	}
	void ShimRemoveDynamic(const void* O, const char* Name)
	{
		Drop([&](const FBound& B) { return B.Object == O && B.Name != nullptr && std::strcmp(B.Name, Name) == 0; });
	}

private:
	struct FBound
	{
		uint64 Id;
		const void* Object;
		const char* Name;
		std::function<void(Parameters...)> Call;
	};
	FDelegateHandle Put(const void* Object, const char* Name, std::function<void(Parameters...)> Call)
	{
		Bound.push_back({++Last, Object, Name, std::move(Call)});
		return {Last};
	}
	template <class Condition>
	void Drop(Condition&& If)
	{
		for (size_t I = Bound.size(); I-- > 0;)
		{
			if (If(Bound[I]))
			{
				Bound.erase(Bound.begin() + static_cast<std::ptrdiff_t>(I));
			}
		}
	}
	std::vector<FBound> Bound;
	uint64 Last = 0;
};

#define AddDynamic(Object, Function) ShimAddDynamic(Object, Function, #Function)
#define RemoveDynamic(Object, Function) ShimRemoveDynamic(Object, #Function)
#define DECLARE_MULTICAST_DELEGATE(Name) using Name = TShimMulticast<>;
#define DECLARE_MULTICAST_DELEGATE_ThreeParams(Name, A, B, C) using Name = TShimMulticast<A, B, C>;
#define DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(Name, A, AName) using Name = TShimMulticast<A>;
#define DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(Name, A, AName, B, BName) using Name = TShimMulticast<A, B>;
#define DECLARE_DYNAMIC_MULTICAST_DELEGATE_ThreeParams(Name, A, AName, B, BName, C, CName) using Name = TShimMulticast<A, B, C>;
