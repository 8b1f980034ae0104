"""The scripts that make a shell ask `bisync --complete` what a word may become.

None of them lets the shell evaluate an answer: names come from buckets. (`compgen -W` would run a `$(…)` in one.) What
goes wrong is said nowhere: it would be in the middle of a command line.
"""

from __future__ import annotations

SCRIPTS = {
    # The answers are quoted already: `in_place_of` in bisync/core/shell_words.py.
    "bash": r"""# bash completion for bisync
_bisync() {
    local line otherwise=
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ -z $otherwise ]]; then otherwise=$line; else COMPREPLY+=("$line"); fi
    done < <(command bisync --complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
    case $otherwise in
        file) ;;
        folder) compopt +o default -o dirnames 2>/dev/null ;;
        *) compopt +o default 2>/dev/null ;;
    esac
    return 0
}
complete -o default -F _bisync bisync
""",
    # compadd quotes what it inserts.
    "zsh": r"""#compdef bisync
# zsh completion for bisync
_bisync() {
    local -a found values shown
    local otherwise
    found=("${(@f)$(command bisync --complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    otherwise=$found[1]
    shift found
    if (( $#found )); then
        values=("${(@)found%%$'\t'*}")
        shown=("${(@)found//$'\t'/  -- }")
        if [[ "${found[*]}" == *$'\t'* ]]; then
            compadd -l -d shown -a -- values && return 0
        else
            compadd -a -- values && return 0
        fi
    fi
    case $otherwise in
        file) _files ;;
        folder) _files -/ ;;
    esac
}
if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
    _bisync "$@"
elif (( $+functions[compdef] )); then
    compdef _bisync bisync
fi
""",
    # fish quotes what it inserts.
    "fish": r"""# fish completion for bisync
function __bisync_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -l found (command bisync --complete fish $words[2..] "$last" 2>/dev/null </dev/null)
    if set -q found[2]
        printf '%s\n' $found[2..]
    end
    switch "$found[1]"
        case file
            __fish_complete_path "$last"
        case folder
            __fish_complete_directories "$last"
    end
    return 0
end
complete -c bisync -f -a '(__bisync_complete)'
""",
}
