#!/bin/sh
# Installs the system's packages that Wangge stands on, where they are missing and this is root on
# Debian or Ubuntu; otherwise says exactly which to install. Usage: install_system.sh [test]
set -eu

missing=""
need() { # need PACKAGE COMMAND…: PACKAGE is missing unless the command succeeds
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
postgis_here() { ls /usr/share/postgresql/*/extension/postgis.control /usr/pgsql-*/share/extension/postgis.control 2>/dev/null | grep -q .; }
library_here() { ldconfig -p 2>/dev/null | grep -q "$1" || /sbin/ldconfig -p 2>/dev/null | grep -q "$1"; }
fonts_here() { ls /usr/share/fonts/opentype/noto/*CJK* 2>/dev/null | grep -q .; }

if [ ! -x .venv/bin/python ]; then
    need python3-venv "${PYTHON:-python3}" -c "import ensurepip"
fi
if [ -z "${WANGGE_DATABASE_URL:-}" ] || [ "${1:-}" = test ]; then
    need POSTGIS postgis_here
fi
need nodejs node --version
need npm npm --version
need libpango-1.0-0 library_here libpango-1.0.so
need libpangoft2-1.0-0 library_here libpangoft2-1.0.so
need libharfbuzz-subset0 library_here libharfbuzz-subset.so
need fonts-noto-cjk fonts_here
if [ "${1:-}" = test ]; then
    need chromium sh -c "command -v chromium || command -v chromium-browser || command -v google-chrome"
    need libatomic1 library_here libatomic.so.1 # the Node.js inside Playwright is linked to it
    need gdal-bin command -v ogr2ogr
    need poppler-utils command -v pdftoppm
fi
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
fi
# PostGIS's package is named after the release's PostgreSQL, such as postgresql-15-postgis-3.
if command -v apt-cache >/dev/null 2>&1; then
    major=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1)
fi
missing=$(printf '%s' "$missing" | sed "s/POSTGIS/postgresql-${major:-15}-postgis-3/")

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing:$missing"
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "These system packages are missing:$missing" >&2
    echo "Install them:  sudo apt-get install$missing" >&2
    case "$missing" in
    *postgis*) echo "or, for the database, name another PostGIS ≥3.3:  export WANGGE_DATABASE_URL=postgresql://user:password@host/name" >&2 ;;
    esac
    exit 1
fi
