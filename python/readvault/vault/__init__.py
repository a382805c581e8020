"""The vault: the pipeline on one machine. A folder with a catalog, a queue, an audit log and settings, and a store for
archives that is in that folder or anywhere else.

`home` opens one; the other modules each do one thing to it.
"""
