# Completion of ws1-token for fish; made by `ws1-token completions fish`.

function __ws1_token_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l word (commandline --current-token --cut-at-cursor)
    set -l plain (string unescape -- $word; or string replace --all --regex -- '["\'\\\\]' '' $word)
    set -l answer (ws1-token completions fish --word=$plain -- $words 2>/dev/null)
    set -l first (string split \t -- $answer[1])
    set -l option (string match --regex -- '^--[^=]*=' $word)
    set -l value (string replace --regex -- '^--[^=]*=' '' $word)
    switch "$first[1]"
        case words
            printf '%s\n' "$option"$answer[2..]
        case files
            printf '%s\n' "$option"(complete --do-complete "'' $value")
        case directories
            printf '%s\n' "$option"(complete --do-complete "'' $value" | string match --regex '^[^\t]*/(?=\t|$)')
        case command
            set -l start (math $first[2] + 1)
            complete --do-complete "$(string join ' ' -- $first[3] (string escape -- $words[$start..])) $word"
    end
end

complete --command ws1-token --no-files --keep-order --arguments '(__ws1_token_complete)'
