#compdef archiver
# Completions of archiver for zsh: source <(archiver completions zsh), or a file _archiver in a folder of $fpath
_archiver() {
    local -a found
    found=("${(@f)$(command archiver completions zsh -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    if [[ $found[1] == :files ]]; then
        compset -P '--*='
        _files
    elif [[ -n $found[1] ]]; then
        _describe -V archiver found
    fi
}
if [[ $funcstack[1] == _archiver ]]; then
    _archiver "$@"
else
    compdef _archiver archiver
fi
