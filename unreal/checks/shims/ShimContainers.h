// TArray, TArrayView, shared pointers.
#pragma once

#include "ShimString.h"

template <class T>
class TArray
{
public:
	TArray() = default;
	TArray(const T* Data, int32 Count) : V(Data, Data + Count) {}
	TArray(std::initializer_list<T> Items) : V(Items) {}

	T* GetData() { return V.data(); }
	const T* GetData() const { return V.data(); }
	int32 Num() const { return static_cast<int32>(V.size()); }
	int32 Add(const T& Item)
	{
		V.push_back(Item);
		return Num() - 1;
	}
	T& operator[](int32 Index) { return V.at(static_cast<size_t>(Index)); }
	const T& operator[](int32 Index) const { return V.at(static_cast<size_t>(Index)); }
	auto begin() { return V.begin(); }
	auto end() { return V.end(); }
	auto begin() const { return V.begin(); }
	auto end() const { return V.end(); }

private:
	std::vector<T> V;
};

template <class T>
class TArrayView
{
public:
	TArrayView(T* Data, int32 Count) : D(Data), N(Count) {}
	T* GetData() const { return D; }
	int32 Num() const { return N; }

private:
	T* D;
	int32 N;
};

template <class T>
class TSharedRef
{
public:
	explicit TSharedRef(std::shared_ptr<T> Pointer) : P(std::move(Pointer)) {}
	template <class U>
	TSharedRef(const TSharedRef<U>& Other) : P(Other.P) {}
	T& operator*() const { return *P; }
	T* operator->() const { return P.get(); }
	T& Get() const { return *P; }
	std::shared_ptr<T> P;
};

template <class T>
class TSharedPtr
{
public:
	TSharedPtr() = default;
	TSharedPtr(std::nullptr_t) {}
	explicit TSharedPtr(std::shared_ptr<T> Pointer) : P(std::move(Pointer)) {}
	template <class U>
	TSharedPtr(const TSharedRef<U>& Other) : P(Other.P) {}
	template <class U>
	TSharedPtr(const TSharedPtr<U>& Other) : P(Other.P) {}
	template <class U, class Deleter>
	TSharedPtr(U* Raw, Deleter D) : P(Raw, std::move(D)) {}
	bool IsValid() const { return P != nullptr; }
	T* Get() const { return P.get(); }
	T& operator*() const { return *P; }
	T* operator->() const { return P.get(); }
	void Reset() { P.reset(); }
	TSharedRef<T> ToSharedRef() const { return TSharedRef<T>(P); }
	std::shared_ptr<T> P;
};

template <class T, class... Arguments>
TSharedRef<T> MakeShared(Arguments&&... Values)
{
	return TSharedRef<T>(std::make_shared<T>(std::forward<Arguments>(Values)...));
}

template <class T>
class TObjectPtr
{
public:
	TObjectPtr() = default;
	TObjectPtr(std::nullptr_t) {}
	TObjectPtr(T* Raw) : P(Raw) {}
	operator T*() const { return P; }
	T* operator->() const { return P; }
	T& operator*() const { return *P; }
	T* Get() const { return P; }

private:
	T* P = nullptr;
};

/** TUniquePtr with a deleter, as FUniqueSocket is one. */
template <class T, class Deleter>
class TUniquePtr
{
public:
	TUniquePtr(T* Raw, Deleter D) : P(Raw, D) {}
	T* Get() const { return P.get(); }
	T* operator->() const { return P.get(); }
	T* Release() { return P.release(); }
	Deleter& GetDeleter() { return P.get_deleter(); }

private:
	std::unique_ptr<T, Deleter> P;
};
