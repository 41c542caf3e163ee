#!/bin/sh
# The image is read-only: compiled kernels that came with it are copied to the writable /tmp.
set -eu
if [ -d /venv/kernels ] && [ ! -d "$NUMBA_CACHE_DIR" ]; then
    cp -r /venv/kernels "$NUMBA_CACHE_DIR"
fi
exec "$@"
