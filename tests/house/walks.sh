#!/usr/bin/env bash
# walks.sh - each function that a journey in lib/README.md names is in the file beside it; a journey takes few files.
set -eu
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A row is "| N | `FILE` | `NAME`, `NAME` | what happens |"; "### TITLE" begins a journey. Prints "TITLE|FILE|NAME".
rows() {
	awk -F ' *[|] *' '/^### / { title = substr($0, 5) } /^## / { title = "" }
		title && $2 ~ /^[0-9]+$/ {
			gsub("`", "", $3)
			n = split($4, names, ", ")
			for (i = 1; i <= n; i++) {
				gsub("`", "", names[i])
				print title "|" $3 "|" names[i]
			}
		}' "$1"
}

# missing ROWS: those whose function, or struct, is not defined in their file.
missing() {
	local title file name bad=0

	while IFS='|' read -r title file name; do
		case $name in
		struct\ *) grep -qE "^$name \{" "lib/$file" && continue ;;
		*) grep -qE "^[a-zA-Z].*[ *]$name\(" "lib/$file" && continue ;;
		esac 2>/dev/null
		echo "$title: lib/$file has no $name"
		bad=1
	done <"$1"
	return $bad
}

rows lib/README.md >"$scratch/rows"
n=$(cut -d '|' -f 1 "$scratch/rows" | sort -u | wc -l)
[ "$n" -eq 3 ] || { echo "FAILED: lib/README.md has $n journeys, not 3"; exit 1; }
missing "$scratch/rows" || { echo "FAILED: a journey in lib/README.md leads to a function that is not there"; exit 1; }
echo "ok the functions on the journeys are there"

while IFS='|' read -r title most; do
	n=$(grep -F "$title|" "$scratch/rows" | cut -d '|' -f 2 | sort -u | wc -l)
	[ "$n" -ge 3 ] && [ "$n" -le "$most" ] || { echo "FAILED: '$title' takes $n files, not 3 to $most"; exit 1; }
done <<'MOST'
A pin|8
An edit that rides along|10
A sweep that deletes one directory|14
MOST
echo "ok the journeys take no more than 8, 10 and 14 files"

# The check itself: it finds a function that is gone.
printf 'A pin|%s\n' 'hold/sr_pin.c|sr_pin' 'hold/sr_pin.c|sr_pim' 'registry/sr_registry.h|struct segrek' \
	>"$scratch/wrong"
found=$(missing "$scratch/wrong") && { echo "FAILED: a function that is gone is not found"; exit 1; }
[ "$(echo "$found" | wc -l)" -eq 2 ] || { echo "FAILED: found '$found'"; exit 1; }
echo "ok a function that is gone is found"
