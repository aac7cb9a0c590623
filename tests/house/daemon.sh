#!/usr/bin/env bash
# daemon.sh - a file of daemon/ includes files of its own program and of common/; each verb of segctl is a file.
set -eu
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# strangers DIR: each "#include" with quotes below DIR that names a file of another program. Status 1 if there is any.
strangers() {
	(cd "$1" && grep -roE --include='*.[ch]' '^#include "[^"]+"' .) | awk -F '[:"]' '
		{ split(substr($1, 3), from, "/"); split($3, to, "/") }
		$3 != "segreg.h" && to[1] != from[1] && to[1] != "common" { print $1 " includes " $3; bad = 1 }
		END { exit bad }'
}

strangers daemon || { echo "FAILED: a file of daemon/ includes one of another program"; exit 1; }
echo "ok segctl and segregd include only their own files and those of common/"

# VERB(NAME) of verbs.def stands for ctl_NAME, with which verb_NAME.c begins.
sed -n 's/^VERB(\(.*\))$/\1/p' daemon/segctl/verbs.def | sort >"$scratch/table"
for file in daemon/segctl/verb_*.c; do
	file=${file##*/verb_}
	echo "${file%.c}"
done | sort >"$scratch/files"
diff "$scratch/table" "$scratch/files" || { echo "FAILED: verbs.def (<) and the files verb_*.c (>) differ"; exit 1; }
while read -r verb; do
	sed -n "1,/^const struct ctl_verb ctl_$verb = {/p" "daemon/segctl/verb_$verb.c" >"$scratch/head"
	grep -q '^const struct ctl_verb ' "$scratch/head" || { echo "FAILED: verb_$verb.c has no ctl_$verb"; exit 1; }
	! grep -q '^}$' "$scratch/head" || { echo "FAILED: verb_$verb.c has code before ctl_$verb"; exit 1; }
done <"$scratch/table"
echo "ok each verb of verbs.def is a file that begins with its entry"

# The check itself.
mkdir -p "$scratch/daemon/common"
echo '#include "segctl/ctl.h"' >"$scratch/daemon/common/out.c"
found=$(strangers "$scratch/daemon") && { echo "FAILED: an include of another program's file is not found"; exit 1; }
[ "$found" = './common/out.c includes segctl/ctl.h' ] || { echo "FAILED: found '$found'"; exit 1; }
echo "ok an include of another program's file is found"
