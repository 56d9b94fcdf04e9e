# Completions of archiver for fish: archiver completions fish | source
function __archiver_complete
    set -l word (commandline -ct)
    set -l found (command archiver completions fish -- (commandline -opc) "$word" 2>/dev/null)
    if test "$found" = :files
        set -l flag (string match -r -- '^--[^=]*=' $word)
        string replace -r -- '^' "$flag" (__fish_complete_path (string replace -- "$flag" '' $word))
    else
        string join -- \n $found
    end
end
complete -c archiver -f -k -a '(__archiver_complete)'
