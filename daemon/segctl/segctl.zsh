#compdef segctl
# segctl.zsh - completion of segctl(1) in zsh. segctl.bash says what there is, so bash is needed.

_segctl()
{
	local line
	local -a plain described files

	for line in ${(f)"$(bash /usr/share/bash-completion/completions/segctl "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}")"}; do
		case $line in
		:*) files+=(${line#:}) ;;
		*$'\t'*) described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
		*) plain+=($line) ;;
		esac
	done
	# A comma after a column takes back the blank.
	(( $#plain )) && compadd -S ' ' -r ',' -a plain
	(( $#described )) && _describe -V segctl described -S ' ' -r ','
	(( $#files )) || return
	[[ $PREFIX == --*=* ]] && compset -P '*='
	case $files in
	*command*) _command_names -e; _files ;;
	*file*) _files ;;
	*) _files -/ ;;
	esac
}

_segctl "$@"
