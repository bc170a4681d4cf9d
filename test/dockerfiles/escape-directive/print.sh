cat /log
printf '%s %s\n' "$DIRECTORY" "$OTHER"
