#!/usr/bin/env bash
# rooms.sh - a file of lib/ includes only files of its own room and of the rooms above it in the table of lib/README.md.
# That is every "#include" with quotes; the public header is everybody's, and the files that stand in no room come last.
set -eu
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The rooms, in the order of the table: its rows begin with "| `ROOM/` |".
sed -n 's/^| `\([a-z]*\)\/` |.*/\1/p' lib/README.md >"$scratch/rooms"

# arrows DIR: each "#include" below DIR that points to a later room, into no room, or past the rooms. Status 1 if there is any.
arrows() {
	(cd "$1" && grep -rnoE --include='*.[ch]' '^#include "[^"]+"' .) | awk -F '[:"]' '
		NR == FNR { rank[$1] = ++n; next }
		{
			split(substr($1, 3), from, "/"); split($4, to, "/")
			room = from[2] == "" ? n + 1 : rank[from[1]]
			if ($4 == "segreg.h" || (room > n && to[2] == ""))
				next
			if (!room)
				print $1 ":" $2 ": stands in no room of the table"
			else if (!rank[to[1]])
				print $1 ":" $2 ": includes " $4 ", which is in no room of the table"
			else if (rank[to[1]] > room)
				print $1 ":" $2 ": includes " $4 ", but " from[1] "/ comes before " to[1] "/"
			else
				next
			bad = 1
		}
		END { exit bad }' "$scratch/rooms" -
}

find lib -mindepth 1 -maxdepth 1 -type d ! -name man -printf '%f\n' | sort >"$scratch/there"
sort "$scratch/rooms" | diff "$scratch/there" - || { echo "FAILED: lib/README.md's table of rooms is not what lib/ has"; exit 1; }
arrows lib || { echo "FAILED: an include points to a room that comes later"; exit 1; }
echo "ok every include of lib/ points to its own room or to an earlier one"

# The check itself: it finds an arrow that points back.
mkdir -p "$scratch/lib/sys" "$scratch/lib/ask"
echo '#include "ask/sr_ask.h"' >"$scratch/lib/sys/sr_sys.c"
echo '#include "sys/sr_sys.h"' >"$scratch/lib/ask/sr_ask.c"
found=$(arrows "$scratch/lib") && { echo "FAILED: an arrow that points back is not found"; exit 1; }
[ "$found" = './sys/sr_sys.c:1: includes ask/sr_ask.h, but sys/ comes before ask/' ] || { echo "FAILED: found '$found'"; exit 1; }
echo "ok an include that points back is found"
