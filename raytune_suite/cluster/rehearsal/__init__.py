"""A lab on one Linux host in which a cluster is rehearsed before it costs money.

Each machine of the lab is a set of namespaces with its own address, disk, processes and ssh server; see `boot.sh`.
"""
