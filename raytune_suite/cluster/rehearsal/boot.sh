#!/usr/bin/env bash
# The first process of a machine of the lab, in its own namespaces: set up disk, network, account and ssh server. See lab.py.
#
# LAB_NAME       the host's name
# LAB_USER       the account; root under another name, so that it can read the folders of this host
# LAB_ADDRESSES  its addresses; outgoing connections use the first
# LAB_FOLDER     hosts, authorized_keys, host_key, profile, stand_ins/, shared/, disks/NAME/
# LAB_SHARED     the path of the folder that all machines share; "" for nowhere
# LAB_KEEP       folders of this host that the machine needs, one per line
# LAB_PYTHON     the Python in them
# LAB_HOME       the folder with the account's home, which outlasts a power cut; "" for none
#
# What runs on the machine may be a stranger's program: it sees neither devices nor files of this host beyond its
# software, can mount nothing, and has only the capabilities that an ssh server needs.
set -euo pipefail

mount --make-rprivate /
hostname "$LAB_NAME"

# The disk: this host's software below overlays in memory, which are lost when the power is cut. Other folders are empty.
disk=$LAB_FOLDER/disks/$LAB_NAME
root=$disk/root
layers=0
overlay() {  # overlay FOLDER: show it to the machine, which writes to its own layer
  layers=$((layers + 1))
  mkdir -p "$disk/upper$layers" "$disk/work$layers" "$root/${1#/}"
  mount -t overlay -o "nodev,nosuid,lowerdir=$1,upperdir=$disk/upper$layers,workdir=$disk/work$layers" overlay "$root/${1#/}"
}
mkdir -p "$disk"
mount -t tmpfs -o size=4g,mode=755,nodev,nosuid tmpfs "$disk"
mkdir -p "$root"
mount --bind "$root" "$root"
for entry in /*; do
  case $entry in
    /proc | /sys | /dev | /run | /home | /root | /tmp | /lab | /var/tmp) continue ;;
  esac
  if [[ -L $entry ]]; then
    cp --no-dereference "$entry" "$root$entry"
  elif [[ $entry =~ ^/(bin|sbin|lib[^/]*|usr|etc|opt|var)$ ]]; then
    overlay "$entry"
  elif [[ -d $entry ]]; then
    mkdir -m 755 "$root$entry"
  fi
done
mkdir "$root"/{proc,sys,dev,run,home,root,tmp,lab}
rm -f "$root"/etc/{shadow,gshadow}{,-} "$root"/etc/ssh/ssh_host_*

mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
for place in sys sysrq-trigger irq bus fs; do  # through which root changes settings of the whole host
  if [[ -e $root/proc/$place ]]; then
    mount --bind "$root/proc/$place" "$root/proc/$place"
    mount -o remount,bind,ro "$root/proc/$place"
  fi
done
for place in kcore keys timer_list latency_stats sched_debug; do
  if [[ -e $root/proc/$place ]]; then mount --bind /dev/null "$root/proc/$place"; fi
done
for place in acpi scsi; do
  if [[ -d $root/proc/$place ]]; then mount -t tmpfs -o ro,size=4k tmpfs "$root/proc/$place"; fi
done
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"

# The devices, without this host's disks, so that no setup command can format one.
mount -t tmpfs -o size=64k,mode=755,nosuid tmpfs "$root/dev"
for device in full null random tty urandom zero; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o size=2g,mode=1777,nodev,nosuid tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${number%:*}" "$root/dev/${number#*:}"; done
for place in run home root; do mount -t tmpfs -o size=2g,mode=755,nodev,nosuid tmpfs "$root/$place"; done
for place in tmp var/tmp; do mount -t tmpfs -o size=4g,mode=1777,nodev,nosuid tmpfs "$root/$place"; done
while read -r folder; do
  if [[ -n $folder ]]; then overlay "$folder"; fi
done <<< "$LAB_KEEP"
share() {  # share FOLDER: show the shared folder there
  mkdir -p "$root$1"
  mount --bind "$LAB_FOLDER/shared" "$root$1"
  mount -o remount,bind,nodev,nosuid "$root$1"
}
share /lab/shared
if [[ -n $LAB_SHARED ]]; then share "$LAB_SHARED"; fi

# The account. Host names are only known from `hosts`, and nothing outside the lab can be reached.
home=/home/$LAB_USER
if [[ $LAB_USER == root ]]; then home=/root; fi
mkdir -p "$root$home" "$root/run/sshd"
if [[ -n $LAB_HOME ]]; then
  mount --bind "$LAB_HOME" "$root$home"
  mount -o remount,bind,nodev,nosuid "$root$home"
fi
mkdir -p "$root$home/.ssh"
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
cp "${0%/*}/confine.py" "$root/lab/"
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
# Leave this host's files for good: a mere chroot could be left, and /proc/1/root leads to the root of the first process.
ulimit -Hn "$(cat /proc/sys/fs/nr_open)" 2> /dev/null || true  # later the limit cannot be raised
sshd=$(command -v sshd || echo /usr/sbin/sshd)
mkdir "$root/lab/host"
cd "$root"
pivot_root . lab/host
cd /
umount --lazy /lab/host
rmdir /lab/host

# bash stays the first process, to adopt orphaned processes
allowed=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+sys_chroot,+audit_write
env -i "PATH=$LAB_PATH" "$LAB_PYTHON" -I /lab/confine.py setpriv --bounding-set "$allowed" -- "$sshd" -D -e -f /lab/sshd_config
