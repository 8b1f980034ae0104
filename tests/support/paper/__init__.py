"""A world on paper: the planning core played through by chance, a thousand runs a second.

Devices, a store and chance are plain values: trees are dictionaries, what a plan means is done to them step by
step, and laws are checked after every run and at rest. No disk, no rclone, no clock, no threads; everything
follows from a seed. `world` is what there is, `run` carries a plan out, `steps` are what can happen, `game`
plays them, `laws` judge, `chance` draws histories and `shrink` makes a failing one short.

    python -m tests.support.paper --plans 1000000 --seed 1

Left out: two runs at a time, trees of ten files and more (the guard against every file changed at once), a
listing of the cloud that leaves something out, two keys of the store that differ in NFC and NFD alone, writing
through a handle that was open before, and ignore rules that arrive as files. What changes between look and apply
waits for the next run, where bisync would settle some of it at once.
"""
