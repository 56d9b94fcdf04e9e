# Completions of archiver for bash: source <(archiver completions bash)
_archiver() {
    local found line
    # bash replaces $2, which is less than a word where the word has `:`, `=` or `@`.
    found=$(command archiver completions bash -- "$2" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    COMPREPLY=()
    if [ "$found" = :files ]; then
        compopt -o default 2>/dev/null
    elif [ -n "$found" ]; then
        while IFS= read -r line; do COMPREPLY+=("$line"); done <<<"$found"
    fi
}
complete -o nosort -F _archiver archiver 2>/dev/null || complete -F _archiver archiver
