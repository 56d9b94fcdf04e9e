# Completions of archiver for fish: archiver completions fish | source
function __archiver_found
    set -l word (commandline -ct)
    command archiver completions fish -- (commandline -opc) "$word" 2>/dev/null
end
function __archiver_complete
    string match -v -- :files (__archiver_found)
end
function __archiver_wants_files
    set -l found (__archiver_found)
    test "$found" = :files
end
complete -c archiver -f -k -a '(__archiver_complete)'
# fish itself knows quotation and `~`.
complete -c archiver -n __archiver_wants_files -F
