# For /etc/cron.d/archiver, a name without a dot, since cron ignores others; owned by root, mode 0644. The sixth field is
# the user. How to set it up and check it: README.md beside this file.

MAILTO=root
PATH=/usr/local/bin:/usr/bin:/bin

4-59/15 * * * *  archiver  archiver sync --wait 5m
59 * * * *       archiver  report=$(archiver status --max-age 2h --exit-code) || echo "$report"
