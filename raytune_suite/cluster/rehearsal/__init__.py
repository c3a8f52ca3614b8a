"""A lab of machines on one Linux host, in which a cluster is rehearsed before it costs money.

Each machine is a set of namespaces with its own address, disk, processes and ssh server; `boot.sh` says what it has.
"""
