#!/bin/sh
# In the image's last stage but one: removes what a pod does not run, compiles the rest, and adds the user.
set -eu

python=$(python3 -c 'import sys; print(sys.base_prefix)')
library=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')

# Installers, and those parts of Python that are for developers or for screens.
rm -rf "$library"/ensurepip "$library"/idlelib "$library"/lib2to3 "$library"/pydoc_data "$library"/test \
    "$library"/tkinter "$library"/turtledemo "$library"/config-3* \
    "$library"/site-packages/pip* "$library"/site-packages/setuptools* "$library"/site-packages/wheel* \
    "$python"/bin/pip* "$python"/bin/idle* "$python"/bin/2to3* "$python"/bin/pydoc* "$python"/bin/python*-config \
    "$python"/include /usr/share/python-wheels

# Of libraries: sources that were compiled, stubs for type checkers, instructions for assistants, and programs.
find /opt/realtime -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.c' -o -name '*.h' \) -delete
find /opt/realtime -type d -name .agents -prune -exec rm -rf {} +
find /opt/realtime/bin -mindepth 1 ! -name 'python*' ! -name realtime -delete

# Debian's tools to install and to set up systems with: by dpkg itself, so that its list of what is here stays true.
if command -v dpkg >/dev/null; then
    installed=$(dpkg-query --show --showformat '${Package}\n')
    for unwanted in adduser apt bsdutils debconf debian-archive-keyring e2fsprogs gpgv init-system-helpers \
        'libapt-pkg*' 'libext2fs*' login login.defs logsave mount passwd perl-base python3-pip-whl \
        python3-setuptools-whl 'python3*-venv' sqv sysvinit-utils util-linux; do
        for package in $(echo "$installed" | while read -r one; do case $one in $unwanted) echo "$one" ;; esac; done); do
            dpkg --purge --force-all "$package" >/dev/null 2>&1 || true
        done
    done
fi
rm -rf /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/bash-completion \
    /usr/lib/*/gconv /var/cache/* /var/log/* /var/lib/apt /var/lib/dpkg/*-old ~root/.[a-z]* /tmp/* 2>/dev/null || true

# Nobody becomes root by a file.
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
echo 'realtime:x:10001:10001::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
echo 'realtime:x:10001:' >>/etc/group

# By the hash of the source, not by its time: the same in each build. What this Python cannot read (some libraries carry
# code for newer ones) is left as it is.
find /opt/realtime "$library" -name __pycache__ -prune -exec rm -rf {} +
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/realtime "$library" >/dev/null || true
