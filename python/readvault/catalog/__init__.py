"""What exists where: one entry for each archive of a vault, found by what it is about.

`model` says what an entry is and what can be asked; `sqlite` keeps entries in a file. Both know nothing of jobs.
"""
