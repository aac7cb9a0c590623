#!/usr/bin/env bash
# The walk-through of README.md, typed in command by command; what comes out is compared with what stands there.
# Paths of the text are below a temporary directory here; numbers, ages and the names of users may be others.
. "$(dirname "$0")/lib.sh"

mkdir -p "$dir/bin" "$dir/backup"
ln -s "$segctl" "$segregd" "$dir/bin"
PATH=$dir/bin:$PATH
mkdir -p "$dir/var/lib/engine" "$dir/srv"

# Where the text says /var/lib/engine, ... it is ours; and the other way round in what comes out.
here() {
	sed -E "s,(^|[ =>'])(/var/lib/engine|/srv|/backup),\1$dir\2,g"
}
plain() {
	sed -E "s,$dir,,g; s/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z/TIME/g" |
		sed -E 's/(,|\)), [a-z_0-9-]+([:,])/\1, USER\2/; s/USER, [^:]*: /USER: /; s/, in \/[^,]*,/,/' |
		sed -E 's/schema ([0-9]), layout ([0-9])([0-9])/schema@\1, layout@\2@\3/; s/(^|[^@0-9])[0-9]+/\1N/g' |
		sed -E 's/ +/ /g; s/ $//'
}

awk '/^## An operator.s walk-through/ { on = 1; next } /^## / { on = 0 } on' "$root/README.md" |
	awk '/^```console/ { on = 1; next } /^```/ { on = 0 } on' >"$dir/session"
[ "$(grep -c '^\$ ' "$dir/session")" -ge 15 ] || fail "README.md has no walk-through"

# run COMMAND WANTED: some of what is asked for takes segregd a moment.
run() {
	local command=$1 wanted=$2 tries=0

	command=${command//4711/${pid-}}
	case $command in
	*'&')
		eval "exec env --default-signal=INT ${command%&}" >/dev/null 2>>"$dir/background" &
		children+=("$!")
		pid=$!
		case $command in
		*'segctl pin 1'*) eventually eval '"$segctl" holders 1 | grep -q "$pid"' ;;
		esac
		return ;;
	esac
	while :; do
		eval "$command" >"$dir/out" 2>"$dir/err" || fail "$command: status $?"
		[ "$(plain <"$dir/out")" = "$wanted" ] && return
		case $command in
		export* | *init* | *load* | *evict*) break ;;
		esac
		tries=$((tries + 1))
		[ $tries -lt 500 ] || break
		sleep 0.01
	done
	printf '%s\n' "$wanted" >"$dir/wanted"
	plain <"$dir/out" | diff "$dir/wanted" - >&3
	fail "$command prints something else"
}

command=
text=
while IFS= read -r line || [ -n "$line" ]; do
	case $line in
	'$ '*)
		[ -z "$command" ] || run "$command" "$(printf '%s' "$text" | plain)"
		command=$(printf '%s\n' "${line#\$ }" | here)
		text= ;;
	*) text+=$line$'\n' ;;
	esac
done <"$dir/session"
run "$command" "$(printf '%s' "$text" | plain)"
ok "the walk-through of README.md"
