#!/usr/bin/env bash
# daemon.sh - files of daemon/ include each other without a circle, and none of another program; each verb is a file.
#
# A .c and a .h of one name are one module. A circle is a module that includes itself by way of other modules.
set -eu
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# includes DIR: "FILE INCLUDED" for each "#include" below DIR with quotes, but for the public header.
includes() {
	(cd "$1" && grep -roE --include='*.[ch]' '^#include "[^"]+"' .) |
		sed -E 's/^\.\/([^:]*):#include "(.*)"$/\1 \2/; / segreg\.h$/d'
}

# strangers DIR: each include of another program's file. Status 1 if there is any.
strangers() {
	includes "$1" | awk '
		{ split($1, from, "/"); split($2, to, "/") }
		to[1] != from[1] && to[1] != "common" { print $1 " includes " $2; bad = 1 }
		END { exit bad }'
}

# circles DIR: the modules of each circle of includes. Status 1 if there is any.
circles() {
	includes "$1" | sed -E 's/\.(c|h|def)( |$)/\2/g' | awk '$1 != $2' >"$scratch/pairs"
	LC_ALL=C tsort "$scratch/pairs" 2>&1 >/dev/null | sed -n 's/^tsort: //p' | grep -v 'input contains a loop' && return 1
	return 0
}

strangers daemon || { echo "FAILED: a file of daemon/ includes one of another program"; exit 1; }
circles daemon || { echo "FAILED: these modules of daemon/ include each other"; exit 1; }
[ "$(wc -l <"$scratch/pairs")" -ge 100 ] || { echo "FAILED: the includes of daemon/ were not found"; exit 1; }
echo "ok daemon/ has no circle of includes"

sed -n 's/^VERB(\(.*\))$/\1/p' daemon/segctl/verbs.def | sort >"$scratch/table"
for file in daemon/segctl/verb_*.c; do
	file=${file##*/verb_}
	echo "${file%.c}"
done | sort >"$scratch/files"
diff "$scratch/table" "$scratch/files" || { echo "FAILED: verbs.def (<) and the files verb_*.c (>) differ"; exit 1; }
while read -r verb; do
	sed '/^#include/d' "daemon/segctl/verb_$verb.c" | sed -n "1,/^const struct ctl_verb ctl_$verb = {/p" >"$scratch/head"
	grep -q '^const struct ctl_verb ' "$scratch/head" || { echo "FAILED: verb_$verb.c has no ctl_$verb"; exit 1; }
	! grep -q '^}$' "$scratch/head" || { echo "FAILED: verb_$verb.c has code before ctl_$verb"; exit 1; }
done <"$scratch/table"
echo "ok each verb of verbs.def is a file that begins with its entry"

# The check itself.
mkdir -p "$scratch/daemon/common" "$scratch/daemon/segctl"
echo '#include "segctl/b.h"' >"$scratch/daemon/segctl/a.c"
echo '#include "common/c.h"' >"$scratch/daemon/segctl/b.h"
echo '#include "common/c.h"' >"$scratch/daemon/common/c.c"
circles "$scratch/daemon" || { echo "FAILED: a circle is found where there is none"; exit 1; }
echo '#include "segctl/a.h"' >"$scratch/daemon/common/c.h"
if circles "$scratch/daemon" >/dev/null; then echo "FAILED: a circle is not found"; exit 1; fi
if strangers "$scratch/daemon" >/dev/null; then echo "FAILED: another program's file is not found"; exit 1; fi
echo "ok a circle and an include of another program are found"
