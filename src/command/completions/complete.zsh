#compdef ws1-token
# Completion of ws1-token for zsh; made by `ws1-token completions zsh`.

_ws1-token() {
    local -a answer first candidates
    local line word description
    # What is asked for here is not what a quote or a backslash stands for, but the word that they make.
    answer=("${(@f)$(ws1-token completions zsh --word=${(Q)PREFIX} -- "${(@Q)words[1,CURRENT-1]}" 2>/dev/null)}")
    first=("${(@ps:\t:)answer[1]}")
    if [[ $first[1] == command ]]; then
        words=(${first[3]:+$first[3]} "${(@)words[first[2]+1,-1]}")
        (( CURRENT += $#first - 2 - first[2] ))
        _normal
        return
    fi
    [[ $PREFIX != --*=* ]] || compset -P '*='
    case $first[1] in
        words)
            for line in "${(@)answer[2,-1]}"; do
                word=${${line%%$'\t'*}//\\/\\\\}
                description=${line#*$'\t'}
                candidates+=("${word//:/\\:}${description:+:$description}")
            done
            _describe -V ws1-token candidates
            ;;
        files) _files ;;
        directories) _path_files -/ ;;
        *) return 1 ;;
    esac
}

if [[ $funcstack[1] == _ws1-token ]]; then
    _ws1-token "$@"
else
    compdef _ws1-token ws1-token
fi
