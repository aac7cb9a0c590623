#!/usr/bin/env bash
# segctl.1 has every verb, option and column that segctl itself lists, and no other. segregd.8 has segregd's options.
. "$(dirname "$0")/lib.sh"

manual=$root/daemon/segctl/segctl.1

# "-s STATE" of a help is "Fl s Ar state" here.
options_in_help() {
	sed -n 's/^  -\(.\), --\([a-z-]*\) .*/\1 \2/p' "$dir/out" | sort -u
}

options_in_manual() {
	sed -n 's/^\.It Fl \([[:alpha:]]\)\( Ar [a-z]*\)\? , Fl -\([a-z-]*\)\( Ar [a-z]*\)\?$/\1 \3/p' "$manual" |
		sort -u
}

# "NAME help" of each column, as a help has them and as the manual's section has them.
columns_in_help() {
	sed -n '/^Columns:$/,$s/^  \([A-Z_]*\)  *\(.*\)/\1 \2/p' "$dir/out"
}

columns_in_manual() {
	sed -n "/^\.Ss Columns of $1\$/,/^\.El/p" "$manual" | sed -n '/^\.It Cm /{s///;N;s/\n/ /;p}'
}

expect 0 "$segctl" --help
verbs=$(sed -n '/^Verbs:$/,/^$/s/^  \([a-z]*\) .*/\1/p' "$dir/out")
[ "$verbs" = "$(sed -n '/^\.Sh VERBS/,/^\.Sh TABLES/s/^\.It Ic \([a-z]*\).*/\1/p' "$manual")" ] ||
	fail "other verbs than in the manual: $verbs"
options_in_help >"$dir/all"
for verb in $verbs; do
	expect 0 "$segctl" "$verb" --help
	awk 'length > 80 { exit 1 }' "$dir/out" || fail "segctl $verb --help has a line of more than 80 characters"
	options_in_help >>"$dir/all"
done
sort -u "$dir/all" >"$dir/helps"
options_in_manual >"$dir/manuals"
diff "$dir/helps" "$dir/manuals" >"$dir/out" || fail "options of --help (<) and of segctl.1 (>) differ"
[ "$(wc -l <"$dir/helps")" -ge 15 ] || fail "the options were not found"
ok "the manual has the verbs and options"

for verb in ls show why holders stats; do
	case $verb in
	ls | show) section="ls and show" ;;
	*) section=$verb ;;
	esac
	expect 0 "$segctl" "$verb" --help
	columns_in_help >"$dir/helps"
	columns_in_manual "$section" >"$dir/manuals"
	diff "$dir/helps" "$dir/manuals" >"$dir/out" ||
		fail "columns of segctl $verb --help (<) and of segctl.1 (>) differ"
	[ "$(wc -l <"$dir/helps")" -ge 15 ] || fail "the columns were not found"
done
ok "the manual has the columns"

# segregd.8 has each option of segregd --help, in the synopsis as well.
page=$root/daemon/segregd/segregd.8
expect 0 "$segregd" --help
sed -n 's/^  -\(.\), --\([a-z-]*\) .*/\1 \2/p' "$dir/out" | sort >"$dir/helps"
sed -n '/^\.Sh OPTIONS/,/^\.Sh MESSAGES/s/^\.It Fl \([[:alnum:]]\) , Fl Fl \([a-z-]*\).*/\1 \2/p' "$page" |
	sort >"$dir/manuals"
diff "$dir/helps" "$dir/manuals" >"$dir/out" || fail "options of segregd --help (<) and of segregd.8 (>) differ"
[ "$(wc -l <"$dir/helps")" -ge 15 ] || fail "the options were not found"
while read -r letter _; do
	sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$page" | grep -qE "(Fl|\|) $letter( |\$)" ||
		fail "the synopsis of segregd.8 lacks -$letter"
done <"$dir/helps"
ok "the manual has segregd's options, and so has its synopsis"
