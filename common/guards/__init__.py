"""What stands around the four pages of the lesson, so that these are mathematics alone.

guarded.py   @guarded: what is looked at before and after a function, a layer or a network's method
arguments.py arguments converted or refused, each in one sentence
chain.py     the base class of Network: params, save, load, what can't work
explained.py what went wrong in a method of a network, and in which layer
learnt.py    the search for what a chain learns
trial.py     where the code doesn't tell what is learnt: forward is tried
params.py    network.params
untouched.py what lets a look leave no trace
"""
