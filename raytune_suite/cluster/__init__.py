"""Cluster files: what is wrong with one before it costs money, a filled-in template, and the commands that use it.

`load` reads a file with its line numbers, `nodes` says which pools of machines it has, `machines` what these machines
are, `findings` what can be wrong; `launcher_checks`, `node_checks`, `command_checks`, `kuberay_checks` and `capacity`
look for it, `check` calls them all. `render` fills a template in, and `commands` says what to run.
"""
