#!/usr/bin/env bash
# rooms.sh - a file of lib/ or bench/ includes only files of its own room, and of rooms above it in its README's table.
# That is every "#include" with quotes. The public header is everybody's. Files that stand in no room come last.
# lib/man and lib/python are no rooms: the first has no code, the second no C, and python/ uses the public header alone.
# Modules of bench/ and of daemon/ do not include one another in a circle; daemon.sh has the other rules of daemon/.
# Each file of lib/, and of two folders of tests/, has a line in its README.
set -eu
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# includes DIR: each "#include" with quotes below DIR, as FILE:LINE:#include "HEADER".
includes() {
	(cd "$1" && grep -rnoE --include='*.[ch]' '^#include "[^"]+"' .)
}

# rooms README: the rooms of its table, in order. A row begins with "| `ROOM/` |".
rooms() {
	sed -n 's/^| `\([a-z]*\)\/` |.*/\1/p' "$1"
}

# arrows DIR README: each "#include" below DIR that points to a later room, into no room, or past the rooms. Status 1 if
# there is any.
arrows() {
	includes "$1" | awk -F '[:"]' '
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
		END { exit bad }' <(rooms "$2") -
}

# unnamed DIR README: each source file below DIR that the README does not name: not as NAME, NAME.c or NAME.h.
unnamed() {
	find "$1" -name '*.[ch]' -printf '%f\n' | sort | while read -r file; do
		grep -qE "\`([a-z]+\/)?${file%.*}(\.[ch])?\`" "$2" || echo "$file"
	done
}

# circles DIR: modules below DIR that include one another in a circle, as tsort reports them. X.c and X.h are one
# module.
circles() {
	includes "$1" | sed -E 's|^\./(.*)\.[ch]:[0-9]+:#include "(.*)\.h"$|\1 \2|' | awk '$1 != $2' |
		tsort 2>&1 >/dev/null
}

for dir in lib bench; do
	find $dir -mindepth 1 -maxdepth 1 -type d ! -name man ! -name python -printf '%f\n' | sort >"$scratch/there"
	rooms $dir/README.md | sort | diff - "$scratch/there" ||
		{ echo "FAILED: the rooms in the table of $dir/README.md are not those of $dir/"; exit 1; }
	arrows $dir $dir/README.md || { echo "FAILED: an include points to a room that comes later"; exit 1; }
	echo "ok every include of $dir/ points to its own room or to an earlier one"
done
[ -z "$(find lib/python -name '*.[ch]')" ] || { echo "FAILED: lib/python has C"; exit 1; }
for dir in bench daemon; do
	found=$(circles $dir) || { echo "FAILED: modules of $dir/ include one another in a circle: $found"; exit 1; }
	echo "ok no modules of $dir/ include one another in a circle"
done

found=$(unnamed lib lib/README.md)
[ -z "$found" ] || { echo "FAILED: lib/README.md lacks a line of its table for:" $found; exit 1; }
found=$(for room in proc crash; do unnamed tests/$room tests/README.md; done)
[ -z "$found" ] || { echo "FAILED: tests/README.md lacks a line of its table for:" $found; exit 1; }
echo "ok the READMEs have a line for every file of lib/, tests/proc/ and tests/crash/"

# The check itself: it finds an arrow that points back, and a circle.
mkdir -p "$scratch/lib/sys" "$scratch/lib/ask"
echo '#include "ask/sr_ask.h"' >"$scratch/lib/sys/sr_sys.c"
echo '#include "sys/sr_sys.h"' >"$scratch/lib/ask/sr_ask.c"
found=$(arrows "$scratch/lib" lib/README.md) && { echo "FAILED: an arrow that points back is not found"; exit 1; }
[ "$found" = './sys/sr_sys.c:1: includes ask/sr_ask.h, but sys/ comes before ask/' ] ||
	{ echo "FAILED: found '$found'"; exit 1; }
circles "$scratch/lib" >"$scratch/found" && { echo "FAILED: a circle is not found"; exit 1; }
grep -q sys/sr_sys "$scratch/found" || { echo "FAILED: found '$(cat "$scratch/found")'"; exit 1; }
touch "$scratch/lib/sys/sr_zeal.c"
[ "$(unnamed "$scratch/lib" lib/README.md)" = sr_zeal.c ] ||
	{ echo "FAILED: a file without a line is not found"; exit 1; }
echo "ok an include that points back is found, a circle, and a file without a line"
