"""A game that knows the program only from outside: its commands, the files and the bucket.

Three devices, whose users act by chance, also while runs are under way; somebody who writes to the bucket and means
no good; kills. Everything is written down as it happens, and judged afterwards by what was seen (after Hughes, Pierce,
Arts and Norell, "Mysteries of Dropbox": properties of a history of observations, no model of the program).

    python -m tests.support.blackbox --seeds 1-20 --steps 300
"""
