# Completion of ws1-token for Elvish; made by `ws1-token completions elvish`.

use str

set edit:completion:arg-completer[ws1-token] = {|@words|
    var word = $words[-1]
    var option = ''
    if (and (str:has-prefix $word --) (str:contains $word =)) {
        set option = (str:split &max=2 = $word | take 1)=
    }
    var answer = [(try {
        ws1-token completions elvish --word=$word -- (all $words[..-1]) 2>/dev/null | from-lines
    } catch failure { })]
    if (eq $answer []) {
        nop
    } elif (eq $answer[0] words) {
        for line $answer[1..] {
            var value description = (str:split &max=2 "\t" $line)
            if (not-eq $description '') {
                edit:complex-candidate $option$value &display=$value' ('$description')'
            } else {
                put $option$value
            }
        }
    } elif (has-value [files directories] $answer[0]) {
        edit:complete-filename (str:trim-prefix $word $option) | each {|candidate|
            edit:complex-candidate $option$candidate[stem] &display=$candidate[stem]
        }
    } elif (str:has-prefix $answer[0] command) {
        edit:complete-filename $word
    }
}
