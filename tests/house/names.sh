#!/usr/bin/env bash
# names.sh - files, functions, constants and make targets that a README names are there.
set -eu
cd "$(dirname "$0")/../.."
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }

python3 tests/house/names.py || { echo "FAILED: the names above lead nowhere"; exit 1; }
echo "ok what the READMEs name is there"

# The check itself: it finds one name of each kind that leads nowhere, and no name that is there.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/wrong" <<'END'
`sr_pin.c`, `hold/sr_pin.c`, `lib/hold/`, `sr_pin`, `struct sr_trash`, `segreg_pin(reg, 42)`, `make check SUITE=edges`
`sr_pim.c`, `edit/sr_pin.c`, `lib/hand/`, `sr_pim`, `struct sr_trush`, `segreg_pim(reg, 42)`, `make chuck SUITE=edges`

    make check                # is there
    make chuck                # is not
END
found=$(python3 tests/house/names.py "$scratch/wrong") &&
	{ echo "FAILED: names that lead nowhere are not found"; exit 1; }
[ "$(wc -l <<<"$found")" -eq 8 ] && ! grep -qv ':[24]: there\|:5: there' <<<"$found" ||
	{ echo "FAILED: found $found"; exit 1; }
echo "ok a name that leads nowhere is found"
