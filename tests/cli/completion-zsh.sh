#!/usr/bin/env bash
# What zsh offers after "segctl ..." with segctl.zsh, on a terminal of its own.
. "$(dirname "$0")/lib.sh"

if ! command -v zsh >/dev/null || ! command -v script >/dev/null; then
	skipped "completion in zsh: there is no zsh, or no script(1)"
	exit 0
fi
mkdir "$dir/zsh"
sed "s,/usr/share/bash-completion/completions/segctl,$root/daemon/segctl/segctl.bash," \
	"$root/daemon/segctl/segctl.zsh" >"$dir/zsh/_segctl"
# The line editor starts, completes each line of a file without a key, and ends.
cat >"$dir/zsh/.zshrc" <<'END'
fpath=($ZDOTDIR $fpath)
autoload -Uz compinit
compinit -u -D
compadd() {
	local -a hits
	if [[ $1 != -[AOD] ]]; then
		builtin compadd -O hits "$@"
		print -rl -- ${IPREFIX}${^hits} >>$ZDOTDIR/offered
	fi
	builtin compadd "$@"
}
ask() {
	local line
	for line in ${(f)"$(<$ZDOTDIR/lines)"}; do
		print -r -- "after $line" >>$ZDOTDIR/offered
		BUFFER=$line
		CURSOR=$#BUFFER
		zle complete-word
	done
	exit
}
zle -N zle-line-init ask
END

# offers WANTED LINE: is asked later, since a zsh answers all lines.
offers() {
	echo "$2" >>"$dir/zsh/lines"
	printf '%s\n' "after $2" $1 >>"$dir/wanted"
}

new_registry
segment 7
segment 70
segment 8
mkdir "$dir/zsh/two words"
export PATH=$build:$PATH
offers "lease load log ls" "segctl l"
offers "lease load log ls" "segctl -r $dir/registry l"
offers "$(sed -n 's/^VERB(\(.*\))$/\1/p' "$root/daemon/segctl/verbs.def" | sort)" "segctl "
offers "--sort --state" "segctl ls --s"
offers "--state=building" "segctl ls --state=b"
offers "path pins" "segctl ls --sort p"
offers "ID,PATH" "segctl ls -o ID,PA"
offers "7 70" "segctl retire 7"
offers "" "segctl register "
offers "data" "segctl init --base $dir/da"
offers "--base=data" "segctl init --base=$dir/da"
offers "lines" "segctl load $dir/zsh/li"
offers "mkfifo" "segctl pin 7 -- mkfif"
ZDOTDIR=$dir/zsh TERM=vt100 timeout "$patience" script -qec "zsh -i" /dev/null </dev/null >"$dir/out" 2>&1
[ -s "$dir/zsh/offered" ] || fail "zsh completes nothing"
sort_blocks() {
	awk '/^after / { n++ } NF { print n "\t" (/^after / ? 0 : 1) "\t" $0 }' "$1" | sort -u
}
diff -u <(sort_blocks "$dir/wanted") <(sort_blocks "$dir/zsh/offered") || fail "zsh offers something else"
ok "verbs, options, columns, ids, files and commands in zsh"
