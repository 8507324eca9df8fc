// SPDX-License-Identifier: MIT
/* Words of other gateways' configurations, and what they are called here. */
#include <ctype.h>
#include <string.h>

#include "config/alias.h"

struct alias {
	const char *of;     /* name of the key table, or of the key whose value it is */
	const char *words;  /* blanks between them; - and _ in them do not count */
	const char *keys;   /* what is meant: one or more words of ours */
	const char *advice; /* the form here, when `keys` is not enough; else NULL */
};

static const struct alias aliases[] = {
	{"mqtt", "host hostname server address url uri ip port tcp", "broker",
         "broker: mqtt://host:1883"},
	{"mqtt", "user login", "username", NULL},
	{"mqtt", "password pass passwd", "password_file",
         "password_file, the name of a file that holds it"},
	{"mqtt", "topic base_topic topic_prefix root_topic topic_root", "prefix", NULL},
	{"mqtt", "client clientname", "client_id", NULL},
	{"mqtt", "protocol protocol_version mqtt_version", "version", NULL},
	{"mqtt", "ca cafile ca_cert ca_certs certificate cert key ssl", "tls",
         "tls: {ca: file}, and broker: mqtts://host"},
	{"thingsboard", "host hostname server address url uri ip port tcp", "broker",
         "broker: mqtt://host:1883"},
	{"thingsboard", "token access_token accesstoken username user password", "token_file",
         "token_file, the name of a file that holds the access token"},

	{"bus", "baudrate speed bitrate bps", "baud", NULL},
	{"bus", "parity bytesize databits stopbits data stop", "format", "format, like 8N1"},
	{"bus", "device dev tty path serial serial_port com", "port", NULL},
	{"bus", "host hostname address ip url uri server", "tcp", "tcp: host:port"},
	{"bus", "type method protocol transport", "port tcp rtu_tcp",
         "one of port (a serial line), tcp and rtu_tcp"},
	{"bus", "response_timeout answer_timeout", "timeout", NULL},
	{"bus", "delay message_wait inter_frame_delay frame_delay gap", "silence pause",
         "silence (between frames) or pause (of a device)"},

	{"device", "slave slave_id unit unit_id unitid address addr station node modbus_id", "id",
         NULL},
	{"device", "type model template device_type kind driver", "profile", NULL},
	{"device",
         "scan scan_interval scan_rate interval poll poll_interval poll_rate period "
         "polling update_interval refresh",
         "every", NULL},
	{"device", "registers register channels sensors datapoints metrics signals items", "points",
         NULL},
	{"device", "port line network serial hub gateway", "bus", NULL},
	{"device", "name title friendly_name", "", "the key above, which is its name"},
	{"device", "delay message_wait guard_interval", "pause", NULL},
	{"device", "max_read_registers max_registers", "max_read", NULL},
	{"device", "disabled", "enabled", "enabled: false"},
	{"device", "availability availability_topic available online", "",
         "made by the gateway: xnet/sts/<dev>/status follows the responses; a register that has it "
         "is a point"},
	{"device", "readonly read_only", "commands", "commands: off"},

	{"point",
         "register registers address addr reg register_address register_type reg_type "
         "input_type table function function_code fc",
         "holding input coil discrete", "one of holding, input, coil and discrete"},
	{"point", "holding_register hr", "holding", NULL},
	{"point", "input_register ir", "input", NULL},
	{"point", "discrete_input di", "discrete", NULL},
	{"point", "data_type datatype format value_type", "type", NULL},
	{"point", "elements array_size array_length list", "array", NULL},
	{"point", "count size words quantity nb num len reg_count", "length", NULL},
	{"point", "multiplier factor gain coefficient coeff ratio", "scale", NULL},
	{"point", "divisor divider divide_by", "scale", "scale: 0.1 for a tenth"},
	{"point", "precision digits round round_to", "decimals", NULL},
	{"point", "units uom unit_of_measurement", "unit", NULL},
	{"point",
         "scan scan_interval scan_rate interval poll_interval poll_rate period "
         "update_interval refresh",
         "every", NULL},
	{"point", "enum options map mapping states labels value_map lookup", "values", NULL},
	{"point", "swap byte_order word_order endian endianness word_swap byte_swap", "order",
         NULL},
	{"point", "readonly read_only", "", "so unless it says write: true"},
	{"point", "writable writeable rw access writeable_register", "write", "write: true"},
	{"point", "device_class", "class", NULL},
	{"point", "nan nan_value invalid error_value missing", "na", NULL},
	{"point", "mask bitmask bit_mask", "bits", "bit, or bits: first..last"},
	{"point", "bit_offset bit_position", "bit", NULL},
	{"point", "formula template expression calc value_template", "expr", NULL},
	{"point", "title friendly_name", "name", NULL},
	{"point", "entity_category", "category", NULL},
	{"point", "min max min_value max_value", "write valid",
         "a key of write: {min, max} for commands, of valid: {min, max} for what is read"},
	{"point", "step", "write", "a key of write"},

	{"top level", "broker", "mqtt", "a key of mqtt"},
	{"top level", "serial ports lines networks bus", "buses", NULL},
	{"top level", "slaves units meters device", "devices", NULL},
	{"top level", "name hostname", "gateway", NULL},
	{"top level", "home_assistant hass discovery autodiscovery", "homeassistant", NULL},

	{"type", "float float32 real single fp32 f4", "f32", NULL},
	{"type", "double float64 lreal fp64", "f64", NULL},
	{"type", "float16 half", "f16", NULL},
	{"type", "int16 int short integer sint16 i16 signed", "s16", NULL},
	{"type", "uint16 word unsigned ushort uint", "u16", NULL},
	{"type", "int32 dint long sint32 i32", "s32", NULL},
	{"type", "uint32 dword udint ulong", "u32", NULL},
	{"type", "int64 lint i64 sint64", "s64", NULL},
	{"type", "uint64 lword ulint qword", "u64", NULL},
	{"type", "int8 sint8 i8 sint", "s8", NULL},
	{"type", "uint8 byte usint", "u8", NULL},
	{"type", "boolean bit", "bool", NULL},
	{"type", "text str char ascii utf8", "string", NULL},
	{"type", "hex raw", "bytes", NULL},
	{"type", "bcd", "bcd16", NULL},
	{"type", "date time timestamp", "datetime", NULL},
	{"order", "abcd be bigendian", "big", NULL},
	{"order", "cdab", "little", NULL},
	{"order", "badc", "big-swapped", NULL},
	{"order", "dcba le littleendian", "little-swapped", NULL},
	{"version", "3.1 v3.1.1 v3 4 311 v311", "3.1.1", NULL},
	{"version", "5.0 v5", "5", NULL},
	{"alert", "error alarm", "fault", NULL},
	{"publish", "onchange changes", "change", NULL},
};

static char fold(char c)
{
	return (char)tolower((unsigned char)c);
}

/* Is a[0..n) the same word, case and separators aside? */
static bool same_word(const char *a, size_t n, const char *b)
{
	const char *end = a + n;
	for (;;) {
		while (a < end && (*a == '_' || *a == '-'))
			a++;
		while (*b == '_' || *b == '-')
			b++;
		if (a == end || !*b)
			return a == end && !*b;
		if (fold(*a++) != fold(*b++))
			return false;
	}
}

static bool word_in(const char *list, const char *word)
{
	while (*list) {
		const size_t n = strcspn(list, " ");
		if (n && same_word(list, n, word))
			return true;
		list += n + (list[n] == ' ');
	}
	return false;
}

static const struct alias *alias_find(const char *of, const char *word)
{
	for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
		if (strcmp(aliases[i].of, of) == 0 && word_in(aliases[i].words, word))
			return &aliases[i];
	return NULL;
}

const char *alias_advice(const char *of, const char *word)
{
	const struct alias *a = alias_find(of, word);
	return !a ? NULL : a->advice ? a->advice : a->keys;
}

bool alias_means(const char *of, const char *word, const char *key)
{
	const struct alias *a = alias_find(of, word);
	return a && word_in(a->keys, key);
}
