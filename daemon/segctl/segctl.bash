# segctl.bash - completion of segctl(1) in bash: verbs, operands, options and columns of segctl --help, ids and
# processes of the registry. "bash segctl.bash segctl WORD..." prints what completes the last word, for segctl.zsh and
# segctl.fish.

# _segctl_list TOOL VERB options|operands|columns|verbs: what its --help lists.
_segctl_list()
{
	local script

	case $3 in
	options) script='s/^  -., \(--[a-z-]*\) .*/\1/p' ;;
	operands) script='s/^Usage: .*\[OPTION\]\.\.\. *//p' ;;
	columns) script='/^Columns:$/,$s/^  \([A-Z_]*\) .*/\1/p' ;;
	verbs) script='/^Verbs:$/,/^$/s/^  \([a-z]*\) .*/\1/p' ;;
	esac
	"$1" ${2:+"$2"} --help 2>/dev/null | sed -n "$script"
}

# Whether option $3 of a verb takes an argument.
_segctl_takes()
{
	"$1" ${2:+"$2"} --help 2>/dev/null | grep -qE -- "^  (-., )?$3(, --[a-z-]+)? [A-Z]+  "
}

_segctl_reply()
{
	mapfile -t COMPREPLY < <(compgen "$@" | awk '!seen[$0]++')
}

# _segctl_files CURRENT KIND...: names of what compgen calls these kinds.
_segctl_files()
{
	local current=$1
	shift

	compopt -o filenames 2>/dev/null
	_segctl_reply "${@/#/-A}" -- "$current"
}

# Columns, comma-separated, perhaps after a +.
_segctl_columns()
{
	local last=${3##*[,+]}

	compopt -o nospace 2>/dev/null
	_segctl_reply -P "${3%"$last"}" -W "$(_segctl_list "$1" "$2" columns)" -- "${last^^}"
}

# Ids; or paths, once a word is no number.
_segctl_segments()
{
	local tool=$1 current=$2 column=ID IFS=$'\n'
	shift 2

	[[ $current == *[!0-9]* ]] && column=PATH
	_segctl_reply -W "$("$tool" "$@" ls --noheadings --raw --limit 10000 -o "$column" 2>/dev/null)" -- "$current"
}

_segctl_operand()
{
	local tool=$1 verb=$2 current=$3 command=$4
	shift 4

	if [ -n "$command" ]; then
		_segctl_files "$current" command file
		return
	fi
	if [ -z "$verb" ]; then
		_segctl_reply -W "$(_segctl_list "$tool" "" verbs)" -- "$current"
		return
	fi
	case $(_segctl_list "$tool" "$verb" operands) in
	"put|drop|ls"*) _segctl_reply -W "put drop ls $("$tool" "$@" lease ls --noheadings --raw -o NAME 2>/dev/null)" -- "$current" ;;
	"ID PATH") ;; # an id that is still free
	SEGMENT* | "[SEGMENT]") _segctl_segments "$tool" "$current" "$@" ;;
	PID) _segctl_reply -W "$("$tool" "$@" holders --noheadings --raw -o PID 2>/dev/null)" -- "$current" ;;
	"[DIR]" | DEST) _segctl_files "$current" directory ;;
	"[FILE]" | PATH...) _segctl_files "$current" file ;;
	*COMMAND...) _segctl_files "$current" command file ;;
	esac
}

_segctl()
{
	local tool=$1 current=$2 previous=$3 verb='' command='' registry=() i

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--) command=yes ;;
		-r | --registry)
			[ "${COMP_WORDS[i + 1]}" = "=" ] && ((i++))
			((++i < COMP_CWORD)) && registry=(-r "${COMP_WORDS[i]/#\~\//$HOME/}") ;;
		-*) ;;
		*) [ -n "$verb" ] || verb=${COMP_WORDS[i]} ;;
		esac
	done
	if [ "$current" = "=" ]; then
		current=''
	elif [ "$previous" = "=" ]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	[ -z "$command" ] || previous=''
	case $verb:$previous in
	*:-r | *:--registry | init:-B | init:--base | backup:-l | backup:--link) _segctl_files "$current" directory ;;
	*:-o | *:--output) _segctl_columns "$tool" "$verb" "$current" ;;
	debug:-f | debug:--region) _segctl_files "$current" file ;;
	ls:-s | ls:--state) _segctl_reply -W "building live pending deleting" -- "$current" ;;
	ls:-S | ls:--sort) _segctl_reply -W "id path age retired pins attempts bytes none" -- "$current" ;;
	*)
		if [[ $previous == -* ]] && _segctl_takes "$tool" "$verb" "$previous"; then
			return
		elif [[ $current == -* && -z $command ]]; then
			_segctl_reply -W "$(_segctl_list "$tool" "$verb" options)" -- "$current"
		else
			_segctl_operand "$tool" "$verb" "$current" "$command" ${registry[@]+"${registry[@]}"}
		fi ;;
	esac
}

# The shell that asks completes names of files by its own means: a line ":file", ":directory" or ":command" says so.
_segctl_leave_files_to_shell()
{
	_segctl_files()
	{
		shift
		COMPREPLY=("${@/#/:}")
	}
}

# _segctl_texts TOOL WORD...: a tab and its text in --help, behind each line of stdin that --help lists.
_segctl_texts()
{
	local tool=$1 word verb='' verbs
	shift

	verbs=$(_segctl_list "$tool" "" verbs)
	for word in "${@:1:$#-1}"; do
		[ -z "$verb" ] && grep -qxF -- "$word" <<<"$verbs" && verb=$word
	done
	awk 'NR == FNR {
			if (sub(/^  (-., )?/, "")) {
				name = $1
				sub(/^[^ ]+( [A-Z]+)?  +/, "")
				text[name] = $0
			}
			next
		}
		{ name = $0; sub(/.*[,+=]/, "", name); print $0 (name in text ? "\t" text[name] : "") }' \
		<("$tool" ${verb:+"$verb"} --help 2>/dev/null) -
}

# _segctl_print TOOL WORD...: what completes the last word, one a line.
_segctl_print()
{
	local tool=$1 word before=''
	shift

	_segctl_leave_files_to_shell
	COMP_WORDS=("$tool")
	for word in "$@"; do
		before=''
		if [[ $word == --*=* ]]; then # bash makes three words of that
			before=${word%%=*}=
			COMP_WORDS+=("${before%=}" "=")
			word=${word#*=}
		fi
		COMP_WORDS+=("$word")
	done
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_segctl "$tool" "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
	for word in ${COMPREPLY[@]+"${COMPREPLY[@]}"}; do
		[[ $word == :* ]] || word=$before$word
		printf '%s\n' "$word"
	done | _segctl_texts "$tool" "$@"
}

if [ "${BASH_SOURCE[0]}" = "$0" ] && [ $# -gt 1 ]; then
	_segctl_print "$@"
else
	complete -F _segctl segctl
fi
