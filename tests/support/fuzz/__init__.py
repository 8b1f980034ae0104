"""Every reader of a file or an answer, on samples of real ones that chance and malice have been at.

    python -m tests.support.fuzz --seconds 300 --seed 7

A reader may say no in the words of its errors. Anything else that it raises, and whatever takes it seconds, is a fault.
"""
