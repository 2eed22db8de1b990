// Worlds, game instances, subsystems, actors, the engine object: as much as the plugin calls.
#pragma once

#include "ShimObject.h"

class UNetDriver;
class FSubsystemCollectionBase
{
};

class USubsystem : public UObject
{
public:
	virtual void Initialize(FSubsystemCollectionBase&) {}
	virtual void Deinitialize() {}
};

class UGameInstanceSubsystem : public USubsystem
{
public:
	UGameInstance* GetGameInstance() const { return ShimGame; }
	UGameInstance* ShimGame = nullptr;
};

class UGameInstance : public UObject
{
public:
	~UGameInstance() override
	{
		for (auto& Entry : Made)
		{
			Entry.second->Deinitialize();
			delete Entry.second;
		}
	}
	template <class T>
	T* GetSubsystem() const
	{
		USubsystem*& Slot = Made[T::ShimTag()];
		if (Slot == nullptr)
		{
			T* Fresh = new T();
			Fresh->ShimGame = const_cast<UGameInstance*>(this);
			Slot = Fresh;
			FSubsystemCollectionBase Collection;
			Fresh->Initialize(Collection);
		}
		return static_cast<T*>(Slot);
	}
	UWorld* GetWorld() const override { return ShimWorld; }
	UWorld* ShimWorld = nullptr;

private:
	mutable std::map<const void*, USubsystem*> Made;
};

class UWorld : public UObject
{
public:
	explicit UWorld(UGameInstance* Game = nullptr) : Instance(Game)
	{
		if (Game != nullptr)
		{
			Game->ShimWorld = this;
		}
	}
	UGameInstance* GetGameInstance() const { return Instance; }
	UWorld* GetWorld() const override { return const_cast<UWorld*>(this); }

private:
	UGameInstance* Instance;
};

enum class EGetWorldErrorMode
{
	ReturnNull,
	LogAndReturnNull,
	Assert
};

namespace ENetworkFailure
{
enum Type
{
	NetDriverAlreadyExists,
	NetDriverCreateFailure,
	NetDriverListenFailure,
	ConnectionLost,
	ConnectionTimeout,
	FailureReceived,
	OutdatedClient,
	OutdatedServer,
	PendingConnectionFailure
};
}

struct FColor
{
	static const FColor Cyan;
};
inline const FColor FColor::Cyan{};

struct FNetDriverDefinition
{
	FName DefName, DriverClassName, DriverClassNameFallback;
	int32 MaxChannelsOverride = 0;
};

struct FWorldContext
{
	TObjectPtr<UGameInstance> OwningGameInstance;
};

class UEngine : public UObject
{
public:
	TArray<FNetDriverDefinition> NetDriverDefinitions;

	UWorld* GetWorldFromContextObject(const UObject* Object, EGetWorldErrorMode) const { return Object != nullptr ? Object->GetWorld() : nullptr; }
	const FWorldContext* GetWorldContextFromPendingNetGameNetDriver(const UNetDriver* Driver) const { return Driver == ShimPendingDriver ? &ShimPending : nullptr; }
	void BroadcastNetworkFailure(UWorld*, UNetDriver*, ENetworkFailure::Type Type, const FString& Error = TEXT("")) { ShimFailures.push_back({Type, Error.Utf8()}); }
	void AddOnScreenDebugMessage(int32, float, FColor, const FString& Line) { ShimScreen.push_back(Line.Utf8()); }

	// What a test sets and looks at.
	FWorldContext ShimPending;
	const UNetDriver* ShimPendingDriver = nullptr;
	std::vector<std::pair<ENetworkFailure::Type, std::string>> ShimFailures;
	std::vector<std::string> ShimScreen;
};
inline UEngine* GEngine = nullptr;

namespace EEndPlayReason
{
enum Type
{
	Destroyed,
	EndPlayInEditor,
	Quit
};
}

class AActor : public UObject
{
public:
	UGameInstance* GetGameInstance() const { return ShimWorld != nullptr ? ShimWorld->GetGameInstance() : nullptr; }
	UWorld* GetWorld() const override { return ShimWorld; }
	UWorld* ShimWorld = nullptr;
	void ShimBegin() { BeginPlay(); }
	void ShimEnd() { EndPlay(EEndPlayReason::Quit); }

protected:
	virtual void BeginPlay() {}
	virtual void EndPlay(const EEndPlayReason::Type) {}
};

class UBlueprintFunctionLibrary : public UObject
{
};

class UBlueprintAsyncActionBase : public UObject
{
public:
	virtual void Activate() {}
	virtual void RegisterWithGameInstance(const UObject* WorldContextObject) { bShimRegistered = WorldContextObject != nullptr; }
	virtual void SetReadyToDestroy() { bShimReadyToDestroy = true; }
	bool bShimRegistered = false, bShimReadyToDestroy = false;
};

class UDeveloperSettings : public UObject
{
public:
	virtual FName GetCategoryName() const { return FName(); }
};

struct TStatId
{
};
enum class ETickableTickType : uint8
{
	Conditional,
	Always,
	Never
};
class FTickableObjectBase
{
public:
	virtual ~FTickableObjectBase() = default;
	virtual void Tick(float DeltaTime) = 0;
	virtual ETickableTickType GetTickableTickType() const { return ETickableTickType::Conditional; }
	virtual bool IsTickable() const { return true; }
	virtual TStatId GetStatId() const = 0;
};
class FTickableGameObject : public FTickableObjectBase
{
public:
	virtual bool IsTickableWhenPaused() const { return false; }
	virtual bool IsTickableInEditor() const { return false; }
	virtual UWorld* GetTickableGameObjectWorld() const { return nullptr; }
};
