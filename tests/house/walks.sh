#!/usr/bin/env bash
# walks.sh - each function that a journey in lib/README.md names is in the file beside it; a journey takes few files.
# Every file counts that the journey names, in its table or in a sentence.
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

# section README TITLE: the text of a journey.
section() {
	awk -v title="### $2" '/^##/ { inside = $0 == title } inside' "$1"
}

NUMBERS='One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve Thirteen Fourteen'

# short README: the journeys that name more source files than they may, or another number than they say.
short() {
	local title most n bad=0

	while IFS='|' read -r title most; do
		n=$(section "$1" "$title" | grep -oE '[a-z_/]+\.[ch]\b' | sed 's,.*/,,' | sort -u | wc -l)
		if [ "$n" -gt "$most" ] || [ "$n" -lt 3 ]; then
			echo "'$title' names $n files, not 3 to $most"
			bad=1
		elif ! section "$1" "$title" | grep -q "$(cut -d ' ' -f "$n" <<<"$NUMBERS") files"; then
			echo "'$title' names $n files, and says another number"
			bad=1
		fi
	done <<'MOST'
A pin|8
An edit that rides along|10
A sweep that deletes one directory|14
MOST
	return $bad
}

short lib/README.md || { echo "FAILED: a journey in lib/README.md takes too many files, or miscounts them"; exit 1; }
echo "ok the journeys take no more than 8, 10 and 14 files"

# The check itself: it finds a function that is gone.
printf 'A pin|%s\n' 'hold/sr_pin.c|sr_pin' 'hold/sr_pin.c|sr_pim' 'registry/sr_registry.h|struct segrek' \
	>"$scratch/wrong"
found=$(missing "$scratch/wrong") && { echo "FAILED: a function that is gone is not found"; exit 1; }
[ "$(echo "$found" | wc -l)" -eq 2 ] || { echo "FAILED: found '$found'"; exit 1; }
echo "ok a function that is gone is found"

# A file that a sentence names counts, and the number of files must be the right one.
sed 's/^Process A commits while/`sr_lock.h` says more. &/' lib/README.md >"$scratch/named"
sed 's/^.*Eight files/Seven files/' lib/README.md >"$scratch/counted"
for wrong in named counted; do
	short "$scratch/$wrong" >"$scratch/found" && { echo "FAILED: '$wrong' is not found"; exit 1; }
	[ "$(wc -l <"$scratch/found")" -eq 1 ] || { echo "FAILED: '$wrong' finds $(cat "$scratch/found")"; exit 1; }
done
echo "ok a file that only a sentence names is counted"
