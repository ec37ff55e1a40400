#!/bin/sh
# Start the pipelines whose names lie in the folder $1. A name is taken away first: one that comes later is asked for again.
cd "$1" || exit
for name in *; do
    rm -f -- "$name" || exit
    case $name in
        '*' | *[!a-z0-9_]*) ;;
        # Whether it starts is for the porter to see, and for its journal to tell.
        *) systemctl start --no-block "pipeline@$name.service" || : ;;
    esac
done
