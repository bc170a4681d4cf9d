#!/bin/sh
set -e
if [ "$1" = serve ]; then set -- echo "serving as $(id -un)"; fi
exec "$@"
