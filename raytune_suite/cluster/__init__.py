"""Cluster files: check one before it costs money, fill in a template, and start and use the cluster it describes.

`document` reads a file with its line numbers, `pools` finds its pools of machines, and `instance_types` knows the
machines that clouds rent. `checks` finds mistakes, `capacity` computes how many trials fit and what they cost, `render`
fills in a template, and `commands` builds the shell commands. `rehearsal` starts a cluster in a lab on this host.
"""
