#!/usr/bin/env bash
# Durations and amounts of bytes, as people write them, and what both tools do with them.
. "$(dirname "$0")/lib.sh"

cat >"$dir/amounts.c" <<'END'
#include <inttypes.h>
#include <stdio.h>
#include "common/number.h"

int main(int argc, char **argv)
{
	uint64_t value;

	for (int i = 2; i < argc; i++) {
		value = 4711; /* what a text that is refused leaves alone */
		if (*argv[1] == 's' ? tool_parse_span(argv[i], &value) : tool_parse_bytes(argv[i], &value))
			printf("%" PRIu64 "\n", value);
		else
			puts(value == 4711 ? "refused" : "changed");
	}
	return 0;
}
END
# shellcheck disable=SC2086
${CC:-cc} ${SAN_FLAGS-} -D_GNU_SOURCE -iquote "$root/daemon" -o "$dir/amounts" "$dir/amounts.c" \
	"$root/daemon/common/number.c" || fail "cannot build amounts.c"

# is KIND WANTED TEXT...: each text is read so.
is() {
	local kind=$1 want=$2 text
	shift 2
	for text; do
		[ "$("$dir/amounts" "$kind" "$text")" = "$want" ] ||
			fail "'$text' is $("$dir/amounts" "$kind" "$text"), not $want"
	done
}

is span 0 0 0s 0ms 0.000
is span 250 0.25 0.25s 250ms
is span 90000 90 90s 1m30s "1m 30s" "1.5 m" 1.5min "90 s" "90 "
is span 5400000 1h30m 1.5h 90m 5400
is span 788645000 "1w 2d 3h 4m 5s" 1w2d3h4m5s
is span 18446744073709551615 18446744073709551s615ms
is span refused "" .25s " 1" s 1x 1H 1s1 1m1 30m1h 1s1s 1.2345 1.s 1. 0.5ms -1 +1 1e3 0x10 1mm "1 1" 1,5 \
	18446744073709552 18446744073709551616 99999999999999999999w 18446744073709551s616ms
ok "durations"

is bytes 0 0 0K 0B
is bytes 512 512 512B "512 B" 0x200
is bytes 1024 1K 1k 1KiB "1 KiB" 1ki
is bytes 1000 1KB "1 kB"
is bytes 1610612736 1.5G 1.5GiB "1.5 GiB" 1536M
is bytes 12897484 12.3MiB "12.3 MiB"
is bytes 2000000000000 2TB 2000GB
is bytes 17293822569102704640 15E 15360P
is bytes 18446744073709551615 18446744073709551615 0xffffffffffffffff
is bytes refused "" K iB 1X 1KiX 1KK 1.5 1.5B 1.2345K -1 +1 1e3 " 1" 1Ki2 16E 18446744073709551616 16384P 1i
ok "amounts of bytes"

new_registry
segment 1
expect 0 "$segctl" retire 1
expect 0 "$segctl" sweep --grace 1h --pace "1.5 GiB"
says "1 waiting"
expect 0 "$segregd" --once --grace 1h30m --pace 10MiB
is_there 1
expect 0 "$segctl" log --since 1d
says "retired"
expect 0 "$segctl" log --since 0ms
! grep -q retired "$dir/out" || fail "--since 0ms shows what happened before"
expect 75 "$segctl" wait --timeout 1ms
expect 64 "$segctl" wait --timeout 4w
complains "24 days"
expect 64 "$segctl" log --since 1y
complains "a duration"
printf '[%s]\ngrace = 1h 30m\npace = 1.5 GiB\n' "$SEGREG_REGISTRY" >"$dir/conf"
serve --config "$dir/conf"
stop
is_there 1
expect 0 "$segctl" sweep --grace 0ms
is_gone 1 2>/dev/null || fail "a grace of 0 keeps a segment"
ok "both tools take them"
