#!/usr/bin/env bash
# words.sh - prose obeys the rules of lib/README.md: words.py finds what does not, words.allowed lists what is left.
set -eu
cd "$(dirname "$0")/../.."
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
git rev-parse --git-dir >/dev/null 2>&1 ||
	{ echo "skipped: not a git checkout, so the list of files is not known"; exit 77; }
python3 tests/house/words.py ||
	{ echo "FAILED: the places above; mend them, or lower the numbers in tests/house/words.allowed"; exit 1; }
echo "ok words and sentences: $(awk '{ n += $3 } END { print n + 0 }' tests/house/words.allowed) places are left"
