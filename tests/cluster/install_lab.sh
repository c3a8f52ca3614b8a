#!/usr/bin/env bash
# Install the programs that a rehearsal needs and that are missing, on Debian: bash tests/cluster/install_lab.sh
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
exec 9> /var/tmp/raytune-suite-install-lab.lock
flock 9  # several test processes may run this at once
missing=()
while read -r program package; do
  if ! command -v "$program" > /dev/null; then missing+=("$package"); fi
done << END
ip iproute2
pgrep procps
rsync rsync
ssh openssh-client
sshd openssh-server
unshare util-linux
END
if [[ ${#missing[@]} -eq 0 ]]; then
  exit 0
fi
sudo=()
if [[ $EUID -ne 0 ]]; then
  sudo=(sudo)
fi
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
