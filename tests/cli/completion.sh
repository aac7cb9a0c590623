#!/usr/bin/env bash
# What bash offers after "segctl ..." with segctl.bash.
. "$(dirname "$0")/lib.sh"
. "$root/daemon/segctl/segctl.bash"

# offers WANTED WORD...: that is offered for the last word.
offers() {
	local want=$1
	shift
	COMP_WORDS=(segctl "$@")
	COMP_CWORD=$#
	_segctl "$segctl" "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
	[ "${COMPREPLY[*]-}" = "$want" ] || fail "after 'segctl $*' bash offers '${COMPREPLY[*]-}', not '$want'"
}

new_registry
segment 7
segment 70
segment 8
complete -p segctl >"$dir/out" || fail "nothing completes segctl"
offers "ls log lease load" l
offers "ls log lease load" -r "$dir/registry" l
offers "--registry" --r
offers "$(sed -n 's/^VERB(\(.*\))$/\1/p' "$root/daemon/segctl/verbs.def" | xargs)" ""
offers "put" lease p
ok "verbs"

offers "--state --sort" ls --s
offers "path pins" ls --sort p
offers "--dry-run" retire 7 --d
offers "--take-base" init --t
offers "building" ls --state b
offers "building" ls --state = b
offers "building live pending deleting" ls --state =
offers "" init --max-lanes "$dir/da"
offers "" init -l "$dir/da"
offers "" why --nosuch
ok "options"

offers "PATH" ls -o PA
offers "ID,PATH" ls -o ID,pa
offers "+PATH" ls --output = +PA
offers "ALONE ATTACHED ATTACHED_AT" holders -o A
ok "columns"

offers "7 8 70" show ""
offers "7 70" retire 8 7
offers "7 70" pin --live 7
unset SEGREG_REGISTRY
offers "" show ""
offers "7 70" -r "$dir/registry" show 7
offers "7 70" show --registry = "$dir/registry" 7
HOME=$dir offers "7 70" -r "~/registry" show 7
ok "ids, of the registry that is asked for"

export SEGREG_REGISTRY=$dir/registry
offers "" register ""
hold reader 7
offers "$holder" evict "$holder"
ok "processes that hold something"

offers "$base" -r "$dir/da"
offers "$base" init --base "$dir/da"
offers "$base" backup "$dir/da"
offers "$base" backup --link "$dir/da"
echo >"$dir/dump file"
offers "$dir/dump file" load "$dir/du"
offers "" pin 7 -- nosuchcommand
offers "mkfifo" pin 7 -- mkfif
offers "mkfifo" hold mkfif
offers "$dir/dump file" pin 7 -- cat "$dir/du"
ok "files and directories"
