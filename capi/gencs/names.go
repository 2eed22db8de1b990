package main

import "strings"

// enumName says how an enumeration of the header, which has no name there, is called in C#.
type enumName struct {
	prefix string // that all its values begin with, cut off in C#; what begins otherwise becomes a constant of Limits
	name   string
	kind   string // underlying type: as wide as the fields and parameters that hold it
	flags  bool
}

// limits is the class of constants that are no enumeration's values.
const limits = "Limits"

// enumNames has a line for the first value of every enumeration.
var enumNames = map[string]enumName{
	"MUSUBI_RELIABLE_ORDERED":     {"MUSUBI_", "DeliveryMode", "uint", false},
	"MUSUBI_SEND_NO_WAKE":         {"MUSUBI_SEND_", "SendFlags", "uint", true},
	"MUSUBI_CONFIG_MANUAL_ACCEPT": {"MUSUBI_CONFIG_", "ClientFlags", "uint", true},
	"MUSUBI_ROOM_PUBLIC":          {"MUSUBI_ROOM_", "RoomFlags", "uint", true},
	"MUSUBI_KICK_BAN":             {"MUSUBI_KICK_", "KickFlags", "uint", true},
	"MUSUBI_USER_OFFLINE":         {"MUSUBI_USER_", "UserPresence", "uint", false},
	"MUSUBI_REQUEST_SET_DATA":     {"MUSUBI_REQUEST_", "RequestKind", "uint", false},
	"MUSUBI_ROUTE_NONE":           {"MUSUBI_ROUTE_", "Route", "uint", false},
	"MUSUBI_NAT_UNKNOWN":          {"MUSUBI_NAT_", "NatBehaviour", "uint", false},
	"MUSUBI_PORTS_UNKNOWN":        {"MUSUBI_PORTS_", "NatPorts", "uint", false},
	"MUSUBI_ANSWER_UNKNOWN":       {"MUSUBI_ANSWER_", "Answer", "uint", false},
	"MUSUBI_PUNCH_NORMAL":         {"MUSUBI_PUNCH_", "Punch", "uint", false},
	"MUSUBI_PRIVACY_DIRECT":       {"MUSUBI_PRIVACY_", "Privacy", "uint", false},
	"MUSUBI_MAX_CLIENTS":          {"", limits, "int", false},
	"MUSUBI_OK":                   {"MUSUBI_", "ResultCode", "int", false},
	"MUSUBI_EVENT_NONE":           {"MUSUBI_EVENT_", "EventKind", "uint", false},
	"MUSUBI_SERVER_NONE":          {"MUSUBI_SERVER_", "ServerLink", "uint", false},
	"MUSUBI_SIMULATE_KEEP_ORDER":  {"MUSUBI_SIMULATE_", "SimulationFlags", "uint", true},
}

// noFlags are values of a flags enumeration that are no flags.
var noFlags = map[string]bool{"MUSUBI_SEND_DEADLINE_SHIFT": true, "MUSUBI_DEFAULT_DEADLINE": true}

// structName says how a struct is called in C#. A public one has public fields and is handed to games as it is.
type structName struct {
	name   string
	public bool
}

var structNames = map[string]structName{
	"musubi_event":      {"NativeEvent", false},
	"musubi_config":     {"NativeConfig", false},
	"musubi_stats":      {"PeerStats", true},
	"musubi_nat":        {"NatInfo", true},
	"musubi_simulation": {"Simulation", true},
	"musubi_api":        {"NativeApi", false},
	"musubi_totals":     {"ClientStats", true},
	"musubi_message":    {"NativeMessage", false},

	"musubi_room_config": {"NativeRoomConfig", false},
	"musubi_join_config": {"NativeJoinConfig", false},
}

// scalars are C's types without a pointer. Handles are numbers.
var scalars = map[string]string{
	"uint8_t": "byte", "uint16_t": "ushort", "uint32_t": "uint", "uint64_t": "ulong",
	"int8_t": "sbyte", "int16_t": "short", "int32_t": "int", "int64_t": "long",
	"char": "byte", "void": "void", "musubi_client": "ulong", "musubi_peer": "ulong",
}

// sizes of C#'s blittable types, in bytes. Pointers take 8, as on every 64-bit platform.
var sizes = map[string]int{"byte": 1, "sbyte": 1, "ushort": 2, "short": 2, "uint": 4, "int": 4, "ulong": 8, "long": 8}

// keywords of C# that C takes as names.
var keywords = map[string]bool{"event": true, "in": true, "out": true, "ref": true, "object": true, "string": true, "params": true}

// pascal writes a_name as AName.
func pascal(name string) string {
	var b strings.Builder
	for _, word := range strings.Split(strings.ToLower(name), "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// camel writes a_name as aName, out of the way of C#'s keywords.
func camel(name string) string {
	p := pascal(name)
	p = strings.ToLower(p[:1]) + p[1:]
	if keywords[p] {
		return "@" + p
	}
	return p
}
