#!/usr/bin/env bash
# register --below: what lies below a directory becomes segments, in one edit.
. "$(dirname "$0")/lib.sh"

# same WANTED FOUND
same() {
	[ "$1" = "$2" ] || fail "$2, not $1"
}

mkdir "$base"
export SEGREG_REGISTRY=$base/registry
expect 0 "$segctl" init --base "$base" "$SEGREG_REGISTRY"
mkdir -p "$base/in/deep" "$base/in/whole" "$base/out"
touch "$base/in/a.sst" "$base/in/b.sst" "$base/in/c.tmp" "$base/in/.hidden.sst" "$base/in/deep/d.sst" \
	"$base/in/whole/e.sst" "$base/out/f.sst"
ln -s ../out "$base/in/link"
ln -s a.sst "$base/in/link.sst"
expect 0 "$segctl" register 7 in/whole
expect 0 "$segctl" register 8 in/a.sst

expect 64 "$segctl" register
expect 64 "$segctl" register 1
expect 64 "$segctl" register --match '*' 1 in/b.sst
expect 64 "$segctl" register --dry-run 1 in/b.sst
expect 64 "$segctl" register --below in 1 in/b.sst
expect 64 "$segctl" register --below /in
expect 64 "$segctl" register --below in/
expect 66 "$segctl" register --below nothing
ok "what makes no sense is refused"

expect 0 "$segctl" register --below in --match '*.sst' --dry-run
says "would register in/b.sst"
says "would register in/deep/d.sst"
says "2 segments would be registered, 2 there already, 0 refused"
expect 0 "$segctl" ls --noheadings -o PATH
same "in/a.sst in/whole" "$(LC_ALL=C sort "$dir/out" | xargs)"
ok "a dry run changes nothing"

version() { "$segctl" stats --json | sed -n 's/.*"version": *\([0-9]*\).*/\1/p'; }
before=$(version)
expect 0 "$segctl" register --below in --match '*.sst'
says "2 segments registered, 2 there already, 0 refused"
same $((before + 1)) "$(version)"
expect 0 "$segctl" ls --noheadings -o PATH
same "in/a.sst in/b.sst in/deep/d.sst in/whole" "$(LC_ALL=C sort "$dir/out" | xargs)"
expect 0 "$segctl" register --below in --match '*.sst'
says "0 segments registered, 4 there already, 0 refused"
same $((before + 1)) "$(version)"
ok "files that match become segments in one edit, and segments are left alone"

expect 0 "$segctl" register --below .
says "3 segments registered, 4 there already, 0 refused"
expect 0 "$segctl" ls --noheadings -o PATH
same "in/.hidden.sst in/a.sst in/b.sst in/c.tmp in/deep/d.sst in/whole out/f.sst" "$(LC_ALL=C sort "$dir/out" | xargs)"
ok "base itself: neither registry nor marker, and no link"

mkdir "$base/bad"
touch "$base/bad/good"
long=$(printf 'x%.0s' {1..250})
mkdir -p "$base/bad/$long/$long"
for i in 1 2 3 4 5 6 7; do touch "$base/bad/$long/$long/$i"; done
expect 65 "$segctl" register --below bad
complains "and 2 more errors with exit status"
says "1 segment registered, 0 there already, 7 refused"
ok "what cannot be registered is summed up, and the rest is registered"

mkdir "$dir/beside"
touch "$dir/beside/file"
for up in .. ../beside in/.. in/../../beside; do
	expect 64 "$segctl" register --below "$up"
	complains 'without ".."'
done
ok "a directory outside of base is refused"
