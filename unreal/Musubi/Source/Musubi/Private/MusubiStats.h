// `stat musubi`: sums over the sessions of this process.
#pragma once

#include "Stats/Stats.h"

DECLARE_STATS_GROUP(TEXT("Musubi"), STATGROUP_Musubi, STATCAT_Advanced);
DECLARE_CYCLE_STAT(TEXT("Poll"), STAT_MusubiPoll, STATGROUP_Musubi);
DECLARE_DWORD_COUNTER_STAT(TEXT("Players connected"), STAT_MusubiPeers, STATGROUP_Musubi);
DECLARE_DWORD_COUNTER_STAT(TEXT("Players connected directly"), STAT_MusubiDirect, STATGROUP_Musubi);
DECLARE_FLOAT_COUNTER_STAT(TEXT("Sent, KB/s"), STAT_MusubiSent, STATGROUP_Musubi);
DECLARE_FLOAT_COUNTER_STAT(TEXT("Received, KB/s"), STAT_MusubiReceived, STATGROUP_Musubi);
DECLARE_DWORD_COUNTER_STAT(TEXT("Bytes waiting"), STAT_MusubiQueued, STATGROUP_Musubi);
DECLARE_DWORD_COUNTER_STAT(TEXT("Replication: datagrams dropped"), STAT_MusubiDropped, STATGROUP_Musubi);
