# Completion of ws1-token for bash; made by `ws1-token completions bash`.

_ws1_token() {
    local before=${COMP_LINE:0:COMP_POINT}
    local line=$before
    local words=() starts=() offsets=() last=-1 i
    # Bash cuts words at `=` and `:` too: here they end at blanks, and at the cursor.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if [[ $last -lt 0 || $line == [[:blank:]]* ]]; then
            line=${line#"${line%%[![:blank:]]*}"}
            last=$((last + 1))
            words[last]='' starts[last]=$i offsets[last]=$((${#before} - ${#line}))
        fi
        if [[ $i -eq $COMP_CWORD ]]; then
            words[last]+=$line
        else
            words[last]+=${COMP_WORDS[i]}
            line=${line#"${COMP_WORDS[i]}"}
        fi
    done
    local raw=${words[last]} word
    for i in "${!words[@]}"; do
        words[i]=${words[i]//[\"\'\\]/}
    done
    word=${words[last]}
    unset "words[last]"
    local typed=$word cut=''
    [[ $word != --*=* ]] || typed=${word#*=} raw=${raw#*=}
    # What bash cut off in front of the cursor stays there.
    [[ $typed != *[:=]"$2" ]] || cut=${typed%"$2"}

    local kind='' value more third
    COMPREPLY=()
    while IFS=$'\t' read -r value more third; do
        if [[ -z $kind ]]; then
            kind=$value
            [[ $kind != command ]] || break
        elif [[ $value != "$typed"* ]]; then
            continue
        elif [[ $raw != [\"\']* ]]; then
            COMPREPLY+=("$(printf %q "${value#"$cut"}")")
        elif [[ $value != *[\"\'\\\$\`\!]* ]]; then
            COMPREPLY+=("${value#"$cut"}")
        fi
    done < <(ws1-token completions bash --word="$word" -- "${words[@]}" 2>/dev/null)

    # Without `=` among the characters that cut words, the option is part of the word that is replaced.
    if [[ $2 == --*=* ]]; then
        COMPREPLY=("${COMPREPLY[@]/#/${2%%=*}=}")
    fi
    case $kind in
        files) compopt -o default ;;
        directories) compopt -o dirnames ;;
        command) _ws1_token_other "${starts[more]}" "${offsets[more]}" "$third" ;;
    esac 2>/dev/null
}

# _ws1_token_other WORD OFFSET PROGRAM: another program's command line begins at that word; if PROGRAM is named, its
# arguments do.
_ws1_token_other() {
    if ! declare -F _command_offset >/dev/null; then
        compopt -o default
        return
    fi
    COMP_WORDS=(${3:+"$3"} "${COMP_WORDS[@]:$1}")
    COMP_CWORD=$((COMP_CWORD - $1 + (${#3} > 0)))
    COMP_LINE="${3:+$3 }${COMP_LINE:$2}"
    COMP_POINT=$((COMP_POINT - $2 + (${#3} > 0 ? ${#3} + 1 : 0)))
    _command_offset 0
}

# Before version 4 a function cannot ask for file names where they fit, so they are offered everywhere.
if [[ ${BASH_VERSINFO[0]} -ge 4 ]]; then
    complete -F _ws1_token ws1-token
else
    complete -o default -F _ws1_token ws1-token
fi
