// Two sessions in this process meet in the local network, as two windows of play-in-editor would; no server is needed.
#include "HAL/PlatformTime.h"
#include "Misc/AutomationTest.h"
#include "MusubiConvert.h"
#include "MusubiModule.h"
#include "MusubiSession.h"

#if WITH_DEV_AUTOMATION_TESTS

static constexpr auto MusubiSessionTestFlags = EAutomationTestFlags::EditorContext | EAutomationTestFlags::ClientContext | EAutomationTestFlags::ProductFilter;

struct FMusubiTestPlayer : MusubiCore::ISessionListener
{
	MusubiCore::FSession Session;
	MusubiCore::FError Outcome;
	std::string Code;
	bool bEnded = false;
	int32 Messages = 0;

	virtual ~FMusubiTestPlayer() override { Session.RemoveListener(this); }

	MusubiCore::FError Start(const musubi_api* Library)
	{
		MusubiCore::FSessionConfig Config;
		Config.App = "musubi-automation-test";
		Config.Flags = MUSUBI_CONFIG_NO_PORT_MAPPING;
		Session.AddListener(this);
		return Session.Start(Library, Config);
	}

	virtual void HostEnded(const MusubiCore::FError& Error, std::string_view RoomCode) override
	{
		bEnded = true;
		Outcome = Error;
		Code = RoomCode;
	}
	virtual void JoinEnded(const MusubiCore::FError& Error, musubi_peer) override
	{
		bEnded = true;
		Outcome = Error;
	}
	virtual void MessageArrived(musubi_peer, uint32_t, musubi::Mode, musubi::View) override { Messages++; }
};

IMPLEMENT_SIMPLE_AUTOMATION_TEST(FMusubiTwoSessionsTest, "Musubi.TwoSessionsInOneProcess", MusubiSessionTestFlags)
bool FMusubiTwoSessionsTest::RunTest(const FString&)
{
	FMusubiError Missing;
	const musubi_api* Library = FMusubiModule::Get().GetLibrary(Missing);
	if (Library == nullptr)
	{
		AddError(Missing.Sentence);
		return false;
	}
	FMusubiTestPlayer Host, Guest;
	if (Host.Start(Library) || Guest.Start(Library) || Host.Session.HostLan(2, {}))
	{
		AddError(TEXT("A session did not start."));
		return false;
	}
	const double End = FPlatformTime::Seconds() + 20;
	bool bSent = false;
	while (Guest.Messages == 0 && FPlatformTime::Seconds() < End)
	{
		Host.Session.Pump(FPlatformTime::Seconds());
		Guest.Session.Pump(FPlatformTime::Seconds());
		if (!Host.Code.empty() && !Guest.bEnded && !Guest.Session.IsMoving())
		{
			TestFalse(TEXT("joining is refused"), bool(Guest.Session.JoinLan("127.0.0.1", Host.Code)));
		}
		if (Guest.bEnded && !bSent && Host.Session.Peers().size() == 1 && Host.Session.Peers()[0].bConnected)
		{
			bSent = !Host.Session.Broadcast(musubi::Mode::reliable_ordered, 0, "hello");
		}
		Host.Session.Library().wait(5).ignore();
	}
	TestEqual(TEXT("why joining failed"), MusubiConvert::ToString(Guest.Outcome.Sentence), FString());
	TestEqual(TEXT("messages"), Guest.Messages, 1);
	return true;
}

#endif
