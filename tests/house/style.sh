#!/usr/bin/env bash
# style.sh - sources obey .editorconfig and .clang-format, but for the places in style.allowed.
set -eu
cd "$(dirname "$0")/../.."
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }

# The check itself: it finds each kind.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf 'int x; \n        int y;\n\t%0113d\nint z;' 0 >"$scratch/try.c"
found=$(cd "$scratch" && python3 "$OLDPWD/tests/house/style.py" --lines try.c | paste -sd ,)
[ "$found" = 'try.c:1: blanks,try.c:2: spaces,try.c:3: long,try.c:4: end' ] ||
	{ echo "FAILED: style.py finds: $found"; exit 1; }
echo "ok each kind of fault is found"

python3 tests/house/style.py ||
	{ echo "FAILED: the places above. What is mended leaves the list: tests/house/style.py --lower"; exit 1; }
echo "ok layout: $(awk '!/^#/ { n += $3 } END { print n + 0 }' tests/house/style.allowed) places are left"
