// The plugin without its native library: the engine starts, nothing crashes, and whoever calls is told which file is missing.
#include "engine_world.h"

#include "MusubiNodes.h"

int main()
{
	StartEngine(nullptr, "musubi://127.0.0.1:9/#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	CHECK(!ShimLog.empty() && ShimLog[0].Verbosity == ELogVerbosity::Error && Has(ShimLog[0].Text, "Binaries/ThirdParty/Musubi/"));
	FWindow Window;
	FMusubiError Error, AtPin;
	CHECK(!Window.Musubi->HostRoom(4, TArray<uint8>(), Error) && Error.Code == MUSUBI_ERR_VERSION && Has(Error.Sentence, "libmusubi.so") && Has(Error.Sentence, "release archive"));
	UMusubiJoinByCode* Node = UMusubiJoinByCode::JoinByCode(&Window.World, TEXT("ABCDEF"), FString());
	Node->Failed.AddLambda([&](const FMusubiPeer&, const FMusubiError& Why) { AtPin = Why; });
	Node->Activate();
	CHECK(AtPin.Code == Error.Code && AtPin.Sentence == Error.Sentence);
	Window.Musubi->Tick(0.016f);
	FMusubiStats Stats;
	CHECK(!Window.Musubi->GetPeerStats(1, Stats, Error) && !Window.Musubi->SendToAll(TArray<uint8>(), EMusubiDelivery::Unreliable, 0, Error) && Has(Error.Sentence, "libmusubi.so"));
	CHECK(Has(Window.Musubi->DescribeState(), "libmusubi.so") && !Window.Musubi->IsRunning(Error) && Window.Musubi->GetPeers().Num() == 0);
	StopEngine();
	return 0;
}
