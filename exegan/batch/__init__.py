"""Completion of folders and tables of photos: planned first, resumable, safe against kills.

A *plan* lists every item before anything is loaded; an *engine* (threads here, or a Ray cluster) works through it in
batches cut from the whole plan; the *manifest* beside the outputs has a line for every item that was tried.
"""
