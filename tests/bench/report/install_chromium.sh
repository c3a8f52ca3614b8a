#!/usr/bin/env bash
# Install Debian's chromium for the browser tests if it is missing: bash tests/bench/report/install_chromium.sh
set -euo pipefail
if command -v chromium > /dev/null; then
  exit 0
fi
sudo=()
if [[ $EUID -ne 0 ]]; then
  sudo=(sudo)
fi
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium > /dev/null
command -v chromium
