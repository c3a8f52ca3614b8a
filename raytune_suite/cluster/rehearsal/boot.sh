#!/usr/bin/env bash
# The first process of a machine of the lab, in its own namespaces: set up disk, network, account and ssh server. See lab.py.
#
# LAB_NAME       the host's name
# LAB_USER       the account; root under another name, so that it can read the folders of this host
# LAB_ADDRESSES  its addresses; outgoing connections use the first
# LAB_FOLDER     hosts, authorized_keys, host_key, profile, stand_ins/, shared/, disks/NAME/
# LAB_SHARED     the path of the folder that all machines share; "" for nowhere
# LAB_KEEP       folders of this host that the machine needs, one per line
set -euo pipefail

mount --make-rprivate /
hostname "$LAB_NAME"

# The disk: this host's files below an overlay in memory, which is lost when the power is cut.
disk=$LAB_FOLDER/disks/$LAB_NAME
root=$disk/root
layers=0
overlay() {  # overlay FOLDER: show it to the machine, which writes to its own layer
  layers=$((layers + 1))
  mkdir -p "$disk/upper$layers" "$disk/work$layers" "$root/${1#/}"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$disk/upper$layers,workdir=$disk/work$layers" "$root/${1#/}"
}
mkdir -p "$disk"
mount -t tmpfs -o size=4g,mode=755 tmpfs "$disk"
overlay /
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"

# The devices, without this host's disks, so that no setup command can format one.
mount -t tmpfs -o size=64k,mode=755 tmpfs "$root/dev"
for device in full null random tty urandom zero; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o size=2g,mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${number%:*}" "$root/dev/${number#*:}"; done
for place in run home root; do mount -t tmpfs -o size=2g,mode=755 tmpfs "$root/$place"; done
for place in tmp var/tmp; do mount -t tmpfs -o size=4g,mode=1777 tmpfs "$root/$place"; done
while read -r folder; do
  if [[ -n $folder ]]; then overlay "$folder"; fi
done <<< "$LAB_KEEP"
mkdir -p "$root/lab/shared"
mount --bind "$LAB_FOLDER/shared" "$root/lab/shared"
if [[ -n $LAB_SHARED ]]; then
  mkdir -p "$root/${LAB_SHARED#/}"
  mount --bind "$LAB_FOLDER/shared" "$root/${LAB_SHARED#/}"
fi

# The account. Host names are only known from `hosts`, and nothing outside the lab can be reached.
home=/home/$LAB_USER
if [[ $LAB_USER == root ]]; then home=/root; fi
mkdir -p "$root$home/.ssh" "$root/run/sshd"
{
  echo "$LAB_USER:x:0:0::$home:/bin/bash"
  grep -Ev "^($LAB_USER|root):" /etc/passwd
  if [[ $LAB_USER != root ]]; then echo "root:x:0:0:root:/root:/bin/bash"; fi
} > "$root/lab/passwd"
cp --remove-destination "$root/lab/passwd" "$root/etc/passwd"
cp --remove-destination "$LAB_FOLDER/hosts" "$root/etc/hosts"
: > "$root/lab/resolv.conf"
mount --bind "$root/lab/resolv.conf" "$root/$(realpath -m --relative-to=/ /etc/resolv.conf)" 2> /dev/null || true
cp "$LAB_FOLDER/profile" "$root$home/.bash_profile"
cp "$LAB_FOLDER/profile" "$root$home/.bashrc"
cp "$LAB_FOLDER/host_key" "$LAB_FOLDER/authorized_keys" "$root/lab/"
cp -r "$LAB_FOLDER/stand_ins" "$root/lab/stand_ins"
chmod 600 "$root/lab/host_key" "$root/lab/authorized_keys"

# All traffic goes to the lab's switch through eth0, once the lab has connected it.
for _ in $(seq 200); do
  if ip link show eth0 > /dev/null 2>&1; then break; fi
  sleep 0.05
done
ip link set lo up
first=${LAB_ADDRESSES%% *}
for address in $LAB_ADDRESSES; do ip address add "$address/32" dev eth0; done
ip link set eth0 up
ip route add default dev eth0 src "$first"

cat > "$root/lab/sshd_config" << END
Port 22
HostKey /lab/host_key
AuthorizedKeysFile /lab/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
StrictModes no
MaxStartups 100
MaxSessions 100
Subsystem sftp internal-sftp
SetEnv PATH=$LAB_PATH
PidFile none
END
cd /
# bash stays the first process, to adopt orphaned processes
forbidden=-sys_boot,-sys_module,-sys_rawio,-sys_time,-mknod
setpriv --bounding-set "$forbidden" -- chroot "$root" /usr/bin/env -i "PATH=$LAB_PATH" "$(command -v sshd || echo /usr/sbin/sshd)" -D -e -f /lab/sshd_config
