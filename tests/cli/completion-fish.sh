#!/usr/bin/env bash
# What fish offers after "segctl ..." with segctl.fish.
. "$(dirname "$0")/lib.sh"

command -v fish >/dev/null || { skipped "completion in fish: there is no fish"; exit 0; }
sed "s,/usr/share/bash-completion/completions/segctl,$root/daemon/segctl/segctl.bash," \
	"$root/daemon/segctl/segctl.fish" >"$dir/segctl.fish"
export HOME=$dir PATH=$build:$PATH

# offers WANTED LINE: that is offered for the last word, in this order.
offers() {
	local offered

	# shellcheck disable=SC2016
	offered=$(fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$dir/segctl.fish" "$2" 2>"$dir/err" |
		cut -f 1 | paste -sd ' ')
	[ "$offered" = "$1" ] || fail "after '$2' fish offers '$offered', not '$1'"
}

new_registry
segment 7
segment 70
segment 8
mkdir "$dir/two words"
offers "lease load log ls" "segctl l"
offers "lease load log ls" "segctl -r $dir/registry l"
offers "$(sed -n 's/^VERB(\(.*\))$/\1/p' "$root/daemon/segctl/verbs.def" | LC_ALL=C sort | xargs)" "segctl "
# shellcheck disable=SC2016
expect 0 fish --no-config -c 'source $argv[1]; complete -C "segctl ls"; complete -C "segctl ls -o ID,PA"' \
	"$dir/segctl.fish"
says $'ls\tList segments'
says $'ID,PATH\tits path below'
ok "verbs in fish, with their texts in --help"

offers "--sort --state" "segctl ls --s"
offers "--state=building" "segctl ls --state=b"
offers "path pins" "segctl ls --sort p"
offers "ID,PATH" "segctl ls -o ID,pa"
ok "options and columns in fish"

offers "7 70" "segctl retire 7"
offers "" "segctl register "
offers "$dir/data/" "segctl init --base $dir/da"
offers "--base=$dir/data/" "segctl init --base=$dir/da"
# shellcheck disable=SC2088
offers "~/data/" "segctl init --base ~/da"
offers "$dir/segctl.fish" "segctl load $dir/segctl.f"
offers "mkfifo" "segctl pin 7 -- mkfif"
offers "$dir/segctl.fish" "segctl pin 7 -- cat $dir/segctl.f"
ok "ids, files and commands in fish"
